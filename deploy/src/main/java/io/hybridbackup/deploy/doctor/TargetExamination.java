package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.TargetName;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Objects;
import java.util.regex.Pattern;

/** Can there be restored to a target, and has a restore left anything beside it? */
final class TargetExamination implements Examination {
  private static final Pattern SCRATCH_DATABASE = Pattern.compile("restore_([a-z2-7]{26})_.+");

  private final TargetName name;
  private final Settings.Target target;
  private final Settings settings;
  private final NativeTools tools;
  private final RestoreRemains remains;

  TargetExamination(TargetName name, Settings.Target target, Settings settings, NativeTools tools) {
    this.name = name;
    this.target = target;
    this.settings = settings;
    this.tools = tools;
    this.remains = new RestoreRemains(settings.objectStore());
  }

  @Override
  public String area() {
    return "target " + name;
  }

  @Override
  public void examine(Findings findings) throws IOException, InterruptedException {
    if (target.database() != null) {
      database(new Postgres(target.database()), findings);
    }
    if (target.media() != null) {
      media(target.media().location().toAbsolutePath(), findings);
    }
  }

  private void database(Postgres postgres, Findings findings) throws InterruptedException {
    try (Connection connection = connect(postgres)) {
      String version = Server.version(connection);
      findings.ok(
          area(),
          "the server of database %s lets %s in, PostgreSQL %s"
              .formatted(postgres, postgres.user(), version));
      String pgRestore = settings.tools().pgRestore();
      postgres.requireAtLeast(pgRestore, Postgres.toolVersion(tools, pgRestore), version);
      rights(connection, postgres, findings);
      try (Statement statement = connection.createStatement();
          ResultSet row = statement.executeQuery("SELECT datname FROM pg_database")) {
        while (row.next()) {
          String database = row.getString(1);
          remains.report(
              SCRATCH_DATABASE.matcher(database),
              area(),
              "the scratch database " + database,
              "DROP DATABASE \"" + database + "\"",
              findings);
        }
      }
    } catch (SQLException e) {
      findings.problem(area(), postgres.failure(e));
    } catch (ComponentFailure e) {
      findings.problem(area(), e);
    }
  }

  /** The database itself need not exist yet. */
  private static Connection connect(Postgres postgres) throws ComponentFailure {
    try {
      return postgres.connect();
    } catch (ComponentFailure e) {
      if (e.code() != FailureCode.DATABASE_MISSING) {
        throw e;
      }
      return postgres.sibling("postgres").connect();
    }
  }

  private void rights(Connection connection, Postgres postgres, Findings findings)
      throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user")) {
      row.next();
      boolean superuser = row.getBoolean(1);
      boolean creates = superuser || row.getBoolean(2);
      if (!creates && target.inPlace()) {
        findings.ok(
            area(), postgres.user() + " may not create databases, so a restore has to be in place");
      } else if (!creates) {
        findings.problem(
            area(),
            postgres.user() + " may not create databases, which a restore needs",
            "as a superuser: ALTER ROLE " + postgres.user() + " CREATEDB");
      } else {
        findings.ok(
            area(),
            postgres.user()
                + (superuser
                    ? " is a superuser"
                    : " may create databases; owners and grants within them are left out"));
      }
    }
  }

  private void media(Path folder, Findings findings) throws IOException {
    Path parent = Objects.requireNonNull(folder.getParent());
    Path existing = Space.existing(parent);
    if (!Files.isWritable(existing)) {
      findings.problem(
          area(),
          "%s may not write in %s, where files are verified before they go into the target"
              .formatted(System.getProperty("user.name"), existing),
          "let the user of the restore service write there; is doctor run as that user?");
      return;
    }
    Space.examine(area(), "the target folder", folder, 0, findings);
    if (!Files.isDirectory(parent)) {
      return;
    }
    Pattern scratch =
        Pattern.compile(
            Pattern.quote("." + folder.getFileName() + ".restore-") + "([a-z2-7]{26})-.+");
    try (DirectoryStream<Path> siblings = Files.newDirectoryStream(parent, ".*")) {
      for (Path sibling : siblings) {
        remains.report(
            scratch.matcher(Objects.requireNonNull(sibling.getFileName()).toString()),
            area(),
            "the scratch folder " + sibling,
            "rm -r '" + sibling + "'",
            findings);
      }
    }
  }
}
