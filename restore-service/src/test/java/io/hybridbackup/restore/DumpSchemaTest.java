package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DumpSchemaTest {
  @Test
  void shouldFindWhatADumpWantsOfAServer() {
    // when
    DumpSchema schema =
        DumpSchema.parse(
            """
            CREATE DATABASE edms WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'de_DE.UTF-8';
            ALTER DATABASE edms OWNER TO edms_owner;
            CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
            CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;
            ALTER TABLE public.page OWNER TO "the ""ghost\""";
            GRANT SELECT ON TABLE public.page TO reader WITH GRANT OPTION;
            REVOKE USAGE ON SCHEMA public FROM PUBLIC;
            """);

    // then
    assertThat(schema.properties()).isEqualTo(" ENCODING = 'UTF8' LOCALE = 'de_DE.UTF-8'");
    assertThat(schema.roles()).containsExactlyInAnyOrder("edms_owner", "the \"ghost\"", "reader");
    assertThat(schema.extensions()).containsExactlyInAnyOrder("uuid-ossp", "postgis");
  }

  @Test
  void shouldTakeOverNothingButPropertiesOfTheText() {
    assertThat(
            DumpSchema.parse(
                    "CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'UTF8'"
                        + " TABLESPACE = evil LC_CTYPE = 'C'; DROP DATABASE postgres;\n")
                .properties())
        .isEqualTo(" ENCODING = 'UTF8' LC_CTYPE = 'C'");
  }
}
