package io.hybridbackup.common.testing;

import com.networknt.schema.Schema;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.SpecificationVersion;

/** JSON Schemas (2020-12) on the class path; formats such as date-time are enforced. */
public final class JsonSchemas {
  private static final SchemaRegistry REGISTRY =
      SchemaRegistry.withDefaultDialect(
          SpecificationVersion.DRAFT_2020_12,
          registry ->
              registry.schemaRegistryConfig(
                  SchemaRegistryConfig.builder().formatAssertionsEnabled(true).build()));

  private JsonSchemas() {}

  /** The schema at an absolute path of the class path; it may refer to others beside it. */
  public static Schema load(String path) {
    return REGISTRY.getSchema(SchemaLocation.of("classpath:" + path));
  }
}
