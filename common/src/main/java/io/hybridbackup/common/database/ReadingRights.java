package io.hybridbackup.common.database;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** Whether a user may read all that pg_dump reads of a database. */
public final class ReadingRights {
  /** Extensions bring their own tables with them; pg_dump reads only what they mark as settings. */
  private static final String TABLES =
      """
      SELECT count(*), min(format('%I.%I', n.nspname, c.relname))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
         AND n.nspname !~ '^(pg_|information_schema$)'
         AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                            AND d.deptype = 'e'
                            AND NOT c.oid = ANY (coalesce(e.extconfig, '{}')))
         AND NOT (has_schema_privilege(n.oid, 'USAGE')
                  AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
                      ELSE has_table_privilege(c.oid, 'SELECT') END)
      """;

  private static final String ROWS =
      """
      SELECT count(*), min(format('%I.%I', n.nspname, c.relname))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid)
         AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                            AND d.deptype = 'e'
                            AND NOT c.oid = ANY (coalesce(e.extconfig, '{}')))
      """;

  private static final String LARGE_OBJECTS =
      """
      SELECT count(*), min(m.oid::text)
        FROM pg_largeobject_metadata m
       WHERE NOT current_setting('lo_compat_privileges')::boolean
         AND NOT pg_has_role(m.lomowner, 'USAGE')
         AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a
                          WHERE a.privilege_type = 'SELECT'
                            AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))
      """;

  private ReadingRights() {}

  /**
   * A right that is missing.
   *
   * @param text what cannot be read
   * @param cure the statement that grants it, and who has to say it
   */
  public record Gap(String text, String cure) {}

  /**
   * Looks for the rights that the connection's user does not have; none if it may read everything.
   */
  public static List<Gap> gaps(Connection connection, Postgres postgres) throws SQLException {
    List<Gap> gaps = new ArrayList<>();
    String user = identifier(postgres.user());
    look(
        connection,
        TABLES,
        postgres.user() + " may not read tables or sequences of " + postgres,
        "as a superuser: GRANT pg_read_all_data TO " + user,
        gaps);
    look(
        connection,
        ROWS,
        "row security hides rows of " + postgres + " from " + postgres.user() + ": tables",
        "as a superuser: ALTER ROLE " + user + " BYPASSRLS",
        gaps);
    look(
        connection,
        LARGE_OBJECTS,
        postgres.user() + " may not read large objects of " + postgres,
        "as their owner: GRANT SELECT ON LARGE OBJECT ... TO " + user,
        gaps);
    return gaps;
  }

  /** As SQL writes a name. */
  private static String identifier(String name) {
    return name.matches("[a-z_][a-z0-9_]*") ? name : '"' + name.replace("\"", "\"\"") + '"';
  }

  private static void look(
      Connection connection, String query, String what, String cure, List<Gap> gaps)
      throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      long count = row.getLong(1);
      if (count > 0) {
        gaps.add(new Gap(what + ": " + count + ", such as " + row.getString(2), cure));
      }
    }
  }
}
