package io.hybridbackup.common.settings;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Everything below {@code hybrid-backup:} in the configuration file. An instance is complete and
 * valid: {@link SettingsFile} reports every mistake before it makes one.
 *
 * @param dataDirectory where services keep what they need between runs (staging folders) and the
 *     standalone program its topics
 * @param zone whose local time names the archives
 */
public record Settings(
    Kafka kafka,
    Store objectStore,
    Path dataDirectory,
    ZoneId zone,
    Jobs jobs,
    Restore restore,
    Tools tools,
    Map<SourceName, Source> sources,
    Map<TargetName, Target> targets) {

  /**
   * @param bootstrapServers {@code host:port}, several separated by commas
   * @param partitions of each topic that the product creates
   * @param replicationFactor of each topic that the product creates; -1 is the broker's default
   */
  public record Kafka(String bootstrapServers, int partitions, short replicationFactor) {}

  /** Where objects are kept. */
  public sealed interface Store {}

  public record FilesystemStore(Path directory) implements Store {}

  /**
   * @param prefix before every key, without slashes at its ends; may be empty
   * @param endpoint of a store other than AWS
   * @param accessKey with {@code secretKeyFile}; without them the AWS default chain is asked
   */
  public record S3Store(
      String bucket,
      String prefix,
      @Nullable URI endpoint,
      String region,
      boolean pathStyle,
      @Nullable String accessKey,
      @Nullable Path secretKeyFile)
      implements Store {}

  /**
   * @param lease a worker whose heartbeat has not changed for this long is taken for dead
   * @param sweep how often every service looks for work that no event told it of
   * @param deadline of a run, from its acceptance
   * @param attempts of a run at most
   * @param prepareWait how long the database waits for the media before it goes on unfenced
   * @param parallelRuns how many runs one replica of a service works on at a time
   * @param whenBusy what happens to a request while another run of its source is under way
   * @param staleRestore a restore request older than this is refused
   * @param readBack whether what is new in a part is read back before the part counts
   * @param scrubPercent how much of what a part takes over from an earlier archive is read back,
   *     from 0 to 100; the next share in each run, until all of it has been
   */
  public record Jobs(
      Duration lease,
      Duration sweep,
      Duration deadline,
      int attempts,
      Duration prepareWait,
      int parallelRuns,
      WhenBusy whenBusy,
      Duration staleRestore,
      boolean readBack,
      int scrubPercent) {}

  public enum WhenBusy {
    WAIT,
    REJECT
  }

  /**
   * @param keepPrevious how long what a restore has replaced is kept, from the restore's end
   */
  public record Restore(Duration keepPrevious) {}

  /** The native programs: a bare name is looked up in PATH. */
  public record Tools(
      String pgDump, String pgDumpall, String pgRestore, String psql, String rsync) {}

  /**
   * At least one of database and media is there.
   *
   * @param mediaReferences only where both are there
   * @param includeGlobals whether the roles and tablespaces of the database's server are saved
   */
  public record Source(
      @Nullable Database database,
      @Nullable Media media,
      @Nullable Version version,
      Compression compression,
      @Nullable ReferenceQuery mediaReferences,
      boolean includeGlobals) {
    /** With the default compression, no word on what rows refer to, and no globals. */
    public Source(@Nullable Database database, @Nullable Media media, @Nullable Version version) {
      this(database, media, version, Compression.DEFAULT, null, false);
    }
  }

  /**
   * What a database's rows say of the files that there must be.
   *
   * @param query an SQL query; the first column of its rows is a path in the media folder, or null
   * @param strict whether a backup fails that lacks one of them, instead of warning of it
   */
  public record ReferenceQuery(String query, boolean strict) {}

  /**
   * How a source's parts are compressed. Levels are from 1 (fast) to 9 (small).
   *
   * @param byPgDump whether pg_dump compresses the database itself, as {@code --compress=9} does
   * @param database the level of the database part
   * @param media the level of the media part
   */
  public record Compression(boolean byPgDump, int database, int media) {
    /** The dump about as large as by {@code --compress=9}, files about as gzip makes them. */
    public static final Compression DEFAULT = new Compression(false, 7, 6);
  }

  /**
   * At least one of database and media is there; nothing is excluded from a target's media.
   *
   * @param inPlace whether a restore may overwrite what is there where it is
   * @param template the database of the same server that a restore makes a new one from, which has
   *     no more in it than extensions
   */
  public record Target(
      @Nullable Database database, @Nullable Media media, boolean inPlace, String template) {
    /** What PostgreSQL has for that; nothing is in it. */
    public static final String TEMPLATE = "template0";

    /** With nothing overwritten in place. */
    public Target(@Nullable Database database, @Nullable Media media) {
      this(database, media, false);
    }

    /** With new databases made from {@link #TEMPLATE}. */
    public Target(@Nullable Database database, @Nullable Media media, boolean inPlace) {
      this(database, media, inPlace, TEMPLATE);
    }
  }

  /**
   * @param passwordFile holds the password on its first line; without it a passfile or the server's
   *     trust serves
   */
  public record Database(
      String host, int port, String name, String user, @Nullable Path passwordFile) {}

  /**
   * @param location an absolute folder
   * @param exclude rsync's filter patterns, relative to the location
   * @param checksum whether files are compared by their content, where their sizes and times are
   *     not to be trusted
   * @param staging how files are staged
   */
  public record Media(Path location, List<String> exclude, boolean checksum, Staging staging) {
    /** Staged as a copy. */
    public Media(Path location, List<String> exclude, boolean checksum) {
      this(location, exclude, checksum, Staging.COPY);
    }
  }

  /** How a source's files are staged before they are packed. */
  public enum Staging {
    /** In a copy that is kept and brought up to date. */
    COPY,
    /** As a tree of hard links to the files themselves. */
    LINK
  }

  /** The application's version: its git commit, or a text. */
  public sealed interface Version {}

  public record GitVersion(Path gitDirectory) implements Version {}

  public record LiteralVersion(String literal) implements Version {}
}
