package io.hybridbackup.restore;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.hybridbackup.common.database.Postgres;
import io.hybridbackup.common.event.Dependent;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.RestoreOptions;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.job.Work;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A database that is overwritten where it is. Everything in it but its extensions is dropped, and
 * the dump restored, in one transaction.
 *
 * <p>A table in it, the marker, says which epoch of the restore may do so and whether it has been
 * done. The transaction begins by changing its row, which commits with all the rest. Whoever claims
 * the row for a later epoch ends the sessions of earlier ones; one that begins after that finds
 * another epoch there, or no marker, and changes nothing.
 */
final class OverwrittenDatabase {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** For a database that its settings keep from being changed, until it has been overwritten. */
  private static final String WRITE = "SET default_transaction_read_only = off; ";

  private static final String MAY_NOT_WAIT = "55P03";
  private static final String MADE_BY_ANOTHER = "23505";

  private final Postgres postgres;
  private final PgRestore pgRestore;
  private final Psql psql;
  private final RunId run;
  private final RestoreOptions options;

  /** The schema that the marker is in; no name that needs quotes. */
  private final String schema;

  OverwrittenDatabase(
      Postgres postgres, PgRestore pgRestore, Psql psql, RunId run, RestoreOptions options) {
    this.postgres = postgres;
    this.pgRestore = pgRestore;
    this.psql = psql;
    this.run = run;
    this.options = options;
    this.schema = "restore_" + run;
  }

  /**
   * Makes sure that it can be overwritten, and has what the dump names.
   *
   * @param warnings is told what cannot be as it was
   */
  void check(ArchivedDump dump, Work work, List<String> warnings)
      throws ComponentFailure, IOException, InterruptedException {
    try (Connection connection = postgres.connect()) {
      pgRestore.requireFit(
          postgres, dump.dumpedBy(), connection.getMetaData().getDatabaseProductVersion());
      psql.requireVersion(pgRestore.version());
      DatabasePreflight preflight = new DatabasePreflight(postgres);
      warnings.addAll(preflight.requireOverwritable(connection, options::overrides));
      preflight.requireThere(
          connection,
          pgRestore.schema(dump.content(), postgres, work),
          restoresOwners(connection),
          dump.showingGlobals());
      if (!options.leavesOwnersOut() && !restoresOwners(connection)) {
        warnings.add(DatabaseTarget.ownersLeftOut(postgres));
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** Reads a dump to its end. */
  void verify(Path dump, Work work) throws ComponentFailure, InterruptedException {
    pgRestore.verify(dump, postgres, work);
  }

  private boolean restoresOwners(Connection connection) throws SQLException {
    return !options.leavesOwnersOut() && DatabasePreflight.isSuperuser(connection);
  }

  /**
   * Lets only this epoch overwrite the database from here on.
   *
   * @return whether it has been overwritten
   */
  boolean claim(Journal journal, Work work) throws ComponentFailure, InterruptedException {
    try (Connection connection = postgres.connect()) {
      DatabaseTarget.execute(connection, WRITE + "SET lock_timeout = '1s'");
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (!tryClaim(connection, work.epoch())) {
        if (System.nanoTime() > end) {
          throw ComponentFailure.passing(
              FailureCode.TARGET_IN_USE,
              "another worker of restore "
                  + run
                  + " is at work in "
                  + postgres
                  + " and does not end",
              null);
        }
        work.checkpoint();
        journal.requireCharge();
      }
      journal.requireCharge();
      return isCommitted(connection);
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** False if somebody is in the way. */
  private boolean tryClaim(Connection connection, int epoch) throws SQLException {
    DatabaseTarget.execute(
        connection,
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND usename = current_user
           AND starts_with(application_name, '%s')
        """
            .formatted(application()));
    try {
      DatabaseTarget.execute(
          connection,
          """
          CREATE SCHEMA IF NOT EXISTS %1$s;
          CREATE TABLE IF NOT EXISTS %1$s.marker (
            one boolean PRIMARY KEY DEFAULT true, epoch integer NOT NULL, committed boolean NOT NULL);
          INSERT INTO %1$s.marker (epoch, committed) VALUES (%2$d, false) ON CONFLICT DO NOTHING;
          UPDATE %1$s.marker SET epoch = %2$d WHERE epoch < %2$d
          """
              .formatted(schema, epoch));
      return true;
    } catch (SQLException e) {
      if (MAY_NOT_WAIT.equals(e.getSQLState()) || MADE_BY_ANOTHER.equals(e.getSQLState())) {
        return false;
      }
      throw e;
    }
  }

  private boolean isCommitted(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT committed FROM " + schema + ".marker")) {
      return row.next() && row.getBoolean(1);
    }
  }

  /** Overwrites the database with a dump, or changes nothing in it. */
  void fill(Path dump, Journal journal, Work work)
      throws ComponentFailure, IOException, InterruptedException {
    List<String> kept = new ArrayList<>();
    boolean owners;
    String application = application() + work.epoch();
    try (Connection connection = postgres.connect()) {
      // By its name a later epoch finds it, and ends it.
      DatabaseTarget.execute(connection, "SET application_name = '" + application + "'");
      owners = restoresOwners(connection);
      DatabasePreflight.schemasOfExtensions(connection)
          .forEach(schema -> kept.add("SCHEMA - " + schema));
      DatabasePreflight.subscriptions(connection)
          .forEach(subscription -> kept.add("SUBSCRIPTION - " + subscription));
      journal.requireCharge();
      if (options.overrides(Dependent.PREPARED_TRANSACTIONS)) {
        for (String transaction : DatabaseLock.prepared(connection, postgres.name())) {
          DatabaseTarget.execute(connection, "ROLLBACK PREPARED " + transaction);
        }
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
    Map<String, String> environment = new HashMap<>(postgres.toolEnvironment());
    environment.put("PGAPPNAME", application);
    journal.requireCharge();
    try {
      psql.run(
          postgres,
          environment,
          input -> {
            input.write(prelude(work.epoch()).getBytes(UTF_8));
            pgRestore.write(dump, kept, owners, input, postgres, work);
          },
          work);
    } catch (ComponentFailure e) {
      journal.requireCharge();
      throw e;
    }
    try (Connection connection = postgres.connect()) {
      if (!isCommitted(connection)) {
        throw ComponentFailure.permanent(
            FailureCode.TOOL_FAILED,
            "pg_restore did not write the whole of the dump; database "
                + postgres
                + " is what it was",
            null);
      }
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  /** Removes the marker. */
  void removeMarker() throws ComponentFailure {
    try (Connection connection = postgres.connect()) {
      DatabaseTarget.execute(connection, WRITE + "SET lock_timeout = '30s'");
      DatabaseTarget.execute(connection, "DROP SCHEMA IF EXISTS " + schema + " CASCADE");
    } catch (SQLException e) {
      throw postgres.failure(e);
    }
  }

  private String application() {
    return "hybrid-backup-" + run + "-";
  }

  /**
   * What comes before the dump's own SQL, which ends the transaction: it is written with {@code
   * --single-transaction}. Input that breaks off is never committed.
   */
  private String prelude(int epoch) {
    return """
    BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL search_path = pg_catalog;
    SET LOCAL client_min_messages = warning;
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL lock_timeout = '60s';
    DO $prelude$
    DECLARE
      statements text[];
      statement text;
      extensions bigint;
    BEGIN
      PERFORM set_config('synchronous_commit', 'on', true)
        WHERE current_setting('synchronous_commit') = 'off';
      UPDATE %1$s.marker SET committed = true WHERE epoch = %2$d AND NOT committed;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'another worker has taken this restore over';
      END IF;
      PERFORM pg_terminate_backend(s.pid) FROM pg_stat_activity s, pg_roles me, pg_roles they
        WHERE s.datname = current_database() AND s.pid <> pg_backend_pid()
          AND me.rolname = current_user AND they.oid = s.usesysid
          AND (me.rolsuper OR pg_has_role(they.oid, 'USAGE')
               OR (pg_has_role('pg_signal_backend', 'USAGE') AND NOT they.rolsuper));
      SELECT count(*) INTO extensions FROM pg_extension;
      PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
      SELECT array_agg(format('DROP %%s IF EXISTS %%s CASCADE',
                              CASE i.type WHEN 'statistics object' THEN 'statistics'
                                          WHEN 'foreign-data wrapper' THEN 'foreign data wrapper'
                                          ELSE i.type END,
                              i.identity))
        INTO statements
        FROM (%3$s) o, pg_identify_object(o.class, o.oid, 0) i
       WHERE o.class NOT IN ('pg_extension'::regclass, 'pg_default_acl'::regclass)
         AND i.schema IS DISTINCT FROM '%1$s' AND i.identity <> '%1$s'
         AND NOT EXISTS (SELECT FROM pg_extension
                          WHERE o.class = 'pg_namespace'::regclass AND extnamespace = o.oid);
      FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
        EXECUTE statement;
      END LOOP;
      IF extensions <> (SELECT count(*) FROM pg_extension) THEN
        RAISE EXCEPTION 'an extension depends on something that is not of an extension'
          USING HINT = 'Drop that extension, or what it depends on, and restore again.';
      END IF;
    END
    $prelude$;
    """
        .formatted(schema, epoch, DatabasePreflight.OBJECTS);
  }
}
