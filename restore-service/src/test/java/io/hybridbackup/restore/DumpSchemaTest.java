package io.hybridbackup.restore;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DumpSchemaTest {
  @Test
  void shouldFindWhatADumpWantsOfAServer() {
    // when
    DumpSchema schema =
        parse(
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
    assertThat(schema.roles()).containsExactlyInAnyOrder("the \"ghost\"", "reader");
    assertThat(schema.extensions()).containsExactlyInAnyOrder("uuid-ossp", "postgis");
  }

  @Test
  void shouldFindTheRolesOfWhateverNamesRoles() {
    // when
    DumpSchema schema =
        parse(
            """
            \\restrict x'y"z
            SET standard_conforming_strings = on;
            ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES TO "taker K";
            ALTER DEFAULT PRIVILEGES FOR ROLE maker2 REVOKE ALL ON FUNCTIONS FROM PUBLIC;
            CREATE POLICY mine ON public.page FOR SELECT TO clerk, "head of" USING ((owner = 'TO x'::name));
            CREATE POLICY "all" ON public.page USING ((to_x(FROM_y) TO nobody));
            CREATE USER MAPPING FOR stranger SERVER far OPTIONS (password 'a; b');
            CREATE USER MAPPING FOR PUBLIC SERVER far;
            ALTER FUNCTION public."odd; name"(text, integer) OWNER TO "the; owner";
            REVOKE ALL ON TABLE public.page FROM former;
            """);

    // then
    assertThat(schema.roles())
        .containsExactlyInAnyOrder("maker", "taker K", "maker2", "the; owner", "former");
    assertThat(schema.bound()).containsExactlyInAnyOrder("clerk", "head of", "stranger");
  }

  @Test
  void shouldTakeNoLineOfAFunctionACommentOrTheDatabaseItselfForAWish() {
    String lines =
        """

        GRANT SELECT ON t TO reporting;
        ALTER TABLE t OWNER TO reporting;
        CREATE EXTENSION IF NOT EXISTS nothing;
        CREATE USER MAPPING FOR reporting SERVER far;
        """;
    DumpSchema schema =
        parse(
            """
            CREATE DATABASE edms WITH TEMPLATE = template0;
            ALTER DATABASE edms OWNER TO reporting;
            ALTER DATABASE edms SET work_mem TO '8MB';
            ALTER ROLE reporting IN DATABASE edms SET work_mem TO '8MB';
            GRANT CONNECT ON DATABASE edms TO reporting WITH GRANT OPTION;
            REVOKE CONNECT ON DATABASE edms FROM PUBLIC;
            -- Name: it's; Owner: "reporting
            CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $_$%1$s $$;$$ %1$s$_$;
            CREATE FUNCTION g() RETURNS text LANGUAGE sql AS $$%1$s$$;
            CREATE FUNCTION h() RETURNS text LANGUAGE sql AS 'it''s%1$s';
            COMMENT ON TABLE t IS E'a \\'%1$s';
            COMMENT ON TABLE "t;
            %1$s" IS 'x';
            CREATE VIEW v AS SELECT '%2$s' AS long;
            GRANT SELECT ON TABLE v TO reader;
            """
                .formatted(lines, "it''s\n".repeat(100_000)));

    assertThat(schema.roles()).containsExactly("reader");
    assertThat(schema.extensions()).isEmpty();
  }

  @Test
  void shouldTakeOverNothingButPropertiesOfTheText() {
    assertThat(
            parse(
                    "CREATE DATABASE x WITH TEMPLATE = template0 ENCODING = 'UTF8'"
                        + " TABLESPACE = evil LC_CTYPE = 'C'; DROP DATABASE postgres;\n")
                .properties())
        .isEqualTo(" ENCODING = 'UTF8' LC_CTYPE = 'C'");
  }

  @Test
  void shouldFindTheOwnersOfLargeObjects() {
    assertThat(DumpSchema.ownerOfLargeObjects("3355; 2613 4711 BLOB - 4711 keeper"))
        .contains("keeper");
    assertThat(DumpSchema.ownerOfLargeObjects("3356; 2613 4712 BLOB METADATA - 4712..4715 clara K"))
        .contains("clara K");
    for (String other :
        List.of(
            ";     Archive created at 2026-01-11 02:00:00 CET",
            "3357; 0 0 BLOBS - BLOBS ",
            "3358; 1259 16390 TABLE public BLOB keeper",
            "3359; 0 0 ACL - LARGE OBJECT 4711 keeper")) {
      assertThat(DumpSchema.ownerOfLargeObjects(other)).isEmpty();
    }
    assertThat(DumpSchema.parse("ALTER TABLE t OWNER TO reader;", Set.of("keeper")).roles())
        .containsExactly("keeper", "reader");
  }

  private static DumpSchema parse(String sql) {
    return DumpSchema.parse(sql, Set.of());
  }
}
