package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.TimeUnit;

/** Can the database and the media of a source be backed up? */
final class SourceExamination implements Examination {
  private static final long WALK_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final SourceName name;
  private final Settings.Source source;
  private final Settings settings;
  private final NativeTools tools;

  SourceExamination(SourceName name, Settings.Source source, Settings settings, NativeTools tools) {
    this.name = name;
    this.source = source;
    this.settings = settings;
    this.tools = tools;
  }

  @Override
  public String area() {
    return "source " + name;
  }

  @Override
  public void examine(Findings findings) throws IOException, InterruptedException {
    if (source.database() != null) {
      database(new Postgres(source.database()), findings);
    }
    if (source.media() != null) {
      media(source.media().location(), findings);
    }
  }

  private void database(Postgres postgres, Findings findings) throws InterruptedException {
    try (Connection connection = postgres.connect()) {
      String version = Server.version(connection);
      findings.ok(
          area(),
          "database %s lets %s in, PostgreSQL %s".formatted(postgres, postgres.user(), version));
      String pgDump = settings.tools().pgDump();
      postgres.requireAtLeast(pgDump, Postgres.toolVersion(tools, pgDump), version);
      boolean tables = mayReadTables(connection, postgres, findings);
      boolean rows = seesAllRows(connection, postgres, findings);
      boolean largeObjects = mayReadLargeObjects(connection, postgres, findings);
      if (tables && rows && largeObjects) {
        findings.ok(area(), postgres.user() + " may read all of the database");
      }
    } catch (SQLException e) {
      findings.problem(area(), postgres.failure(e));
    } catch (ComponentFailure e) {
      findings.problem(area(), e);
    }
  }

  /** As pg_dump wants it: tables, views with content and sequences, but for those of extensions. */
  private boolean mayReadTables(Connection connection, Postgres postgres, Findings findings)
      throws SQLException {
    return none(
        connection,
        """
        SELECT count(*), min(format('%I.%I', n.nspname, c.relname))
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'm', 'S') AND c.relpersistence <> 't'
           AND n.nspname !~ '^(pg_|information_schema$)'
           AND NOT EXISTS (SELECT FROM pg_depend d
                            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                              AND d.deptype = 'e')
           AND NOT (has_schema_privilege(n.oid, 'USAGE')
                    AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
                        ELSE has_table_privilege(c.oid, 'SELECT') END)
        """,
        "%s may not read tables or sequences of %s: %%d, such as %%s"
            .formatted(postgres.user(), postgres),
        "as a superuser: GRANT pg_read_all_data TO " + postgres.user(),
        findings);
  }

  private boolean seesAllRows(Connection connection, Postgres postgres, Findings findings)
      throws SQLException {
    return none(
        connection,
        """
        SELECT count(*), min(format('%I.%I', n.nspname, c.relname))
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid)
        """,
        "row security hides rows of %s from %s: tables %%d, such as %%s"
            .formatted(postgres, postgres.user()),
        "as a superuser: ALTER ROLE " + postgres.user() + " BYPASSRLS",
        findings);
  }

  private boolean mayReadLargeObjects(Connection connection, Postgres postgres, Findings findings)
      throws SQLException {
    return none(
        connection,
        """
        SELECT count(*), min(m.oid::text)
          FROM pg_largeobject_metadata m
         WHERE NOT pg_has_role(m.lomowner, 'USAGE')
           AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a
                            WHERE a.privilege_type = 'SELECT'
                              AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))
        """,
        "%s may not read large objects of %s: %%d, such as %%s"
            .formatted(postgres.user(), postgres),
        "as their owner: GRANT SELECT ON LARGE OBJECT ... TO " + postgres.user(),
        findings);
  }

  private boolean none(
      Connection connection, String query, String text, String cure, Findings findings)
      throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      row.next();
      long count = row.getLong(1);
      if (count > 0) {
        findings.problem(area(), text.formatted(count, row.getString(2)), cure);
      }
      return count == 0;
    }
  }

  private void media(Path location, Findings findings) throws IOException {
    Path staging = settings.dataDirectory().resolve("staging").resolve(name.value());
    Path tree = staging.resolve("tree");
    if (!Files.isDirectory(location)) {
      findings.problem(
          area(),
          "the media folder " + location + " is not there",
          "mount it or correct its location");
      return;
    }
    if (!Files.isReadable(location) || !Files.isExecutable(location)) {
      findings.problem(
          area(),
          System.getProperty("user.name") + " may not read the media folder " + location,
          "let the user of media-sync read it; is doctor run as that user?");
      return;
    }
    boolean staged = Files.isReadable(tree) && !isEmpty(tree);
    if (staged && isEmpty(location)) {
      findings.problem(
          area(),
          "the media folder " + location + " is empty, though it was not at the last backup",
          "mount it, or if it is meant to be empty, delete " + tree);
      return;
    }
    findings.ok(area(), "the media folder " + location + " can be read");
    if (!NativeTools.isRoot()) {
      findings.warning(
          area(),
          "the owners of files are not kept: only root can copy them",
          "run media-sync as root if owners matter");
    }
    Space.examine(area(), "the staging folder", staging, staged ? 0 : size(location), findings);
  }

  static boolean isEmpty(Path folder) throws IOException {
    try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
      return !children.iterator().hasNext();
    }
  }

  /** How many bytes the files have; of very many, as many as were seen in a few seconds. */
  private static long size(Path tree) throws IOException {
    long end = System.nanoTime() + WALK_NANOS;
    long[] bytes = {0};
    Files.walkFileTree(
        tree,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            bytes[0] += attributes.size();
            return System.nanoTime() < end ? FileVisitResult.CONTINUE : FileVisitResult.TERMINATE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) {
            return FileVisitResult.CONTINUE;
          }
        });
    return bytes[0];
  }
}
