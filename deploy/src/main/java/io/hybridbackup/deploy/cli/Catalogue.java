package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoredObject;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * The archives in an object store, as {@code backups/<source>/} shows them: one counts if it has
 * its manifest and has not expired. Manifests are read as plain JSON, so those of a newer version
 * can be listed too.
 */
final class Catalogue {
  private static final String FOLDER = "backups";
  private static final String ARCHIVE = ".tar.gz";
  private static final String MANIFEST = ".manifest.json";
  private static final String EXPIRED = ".expired";
  private static final String DAMAGED = ".damaged";
  private static final int PARALLEL_READS = 16;

  private final ObjectStore store;

  Catalogue(ObjectStore store) {
    this.store = store;
  }

  /**
   * An archive and its manifest.
   *
   * @param damaged whether a backup that built upon it has found that it is not what it was
   */
  record Entry(
      String source, ArchiveName archive, StoredObject object, boolean damaged, JsonNode manifest) {
    ObjectKey manifestKey() {
      return Catalogue.manifestKey(source, archive.value());
    }

    /** What the dump and the files come to; 0 if the manifest does not say. */
    long unpackedBytes() {
      return manifest.path("database_part").path("bytes").asLong(0)
          + manifest.path("storage_part").path("bytes").asLong(0);
    }
  }

  private static ObjectKey manifestKey(String source, String archive) {
    return ObjectKey.of(FOLDER, source, archive + MANIFEST);
  }

  private record Found(String source, String archive, StoredObject object, boolean damaged) {
    ObjectKey manifestKey() {
      return Catalogue.manifestKey(source, archive);
    }
  }

  /** Every archive of every source, by source and then by name. */
  List<Entry> all() {
    return read(find(FOLDER));
  }

  /** Every archive of one source, by name. */
  List<Entry> of(String source) {
    return read(find(FOLDER + "/" + source));
  }

  /** The newest archive of a source. */
  Optional<Entry> latest(String source) {
    return find(FOLDER + "/" + source).reversed().stream()
        .flatMap(found -> read(found).stream())
        .findFirst();
  }

  /** The archive of that name that a source has. */
  Optional<Entry> named(String source, ArchiveName archive) {
    return find(FOLDER + "/" + source).stream()
        .filter(found -> found.archive.equals(archive.value()))
        .findFirst()
        .flatMap(this::read);
  }

  /** The archives of that name: one for each source that has it. */
  List<Entry> named(ArchiveName archive) {
    return read(
        find(FOLDER).stream().filter(found -> found.archive.equals(archive.value())).toList());
  }

  private List<Found> find(String folder) {
    Map<String, StoredObject> objects =
        store.list(folder).stream()
            .collect(Collectors.toMap(object -> object.key().value(), Function.identity()));
    return objects.values().stream()
        .filter(object -> object.key().value().endsWith(ARCHIVE))
        .flatMap(object -> found(object, objects).stream())
        .filter(found -> objects.containsKey(found.manifestKey().value()))
        .filter(found -> !objects.containsKey(beside(found.source, found.archive, EXPIRED)))
        .sorted(Comparator.comparing(Found::source).thenComparing(Found::archive))
        .toList();
  }

  private static String beside(String source, String archive, String ending) {
    return String.join("/", FOLDER, source, archive + ending);
  }

  private static Optional<Found> found(StoredObject object, Map<String, StoredObject> objects) {
    List<String> segments = List.of(object.key().value().split("/", -1));
    if (segments.size() != 3) {
      return Optional.empty();
    }
    String source = segments.get(1);
    String name = object.key().name();
    String archive = name.substring(0, name.length() - ARCHIVE.length());
    return Optional.of(
        new Found(source, archive, object, objects.containsKey(beside(source, archive, DAMAGED))));
  }

  private List<Entry> read(List<Found> found) {
    try (ExecutorService readers = Executors.newFixedThreadPool(PARALLEL_READS)) {
      List<Future<Optional<Entry>>> entries =
          found.stream().map(one -> readers.submit(() -> read(one))).toList();
      return entries.stream().map(Catalogue::result).flatMap(Optional::stream).toList();
    }
  }

  /** Empty if it was deleted just now. */
  private Optional<Entry> read(Found found) {
    return store
        .read(found.manifestKey())
        .map(json ->
            new Entry(
                found.source,
                new ArchiveName(found.archive),
                found.object,
                found.damaged,
                tree(found, json)));
  }

  private static JsonNode tree(Found found, byte[] json) {
    try {
      return Json.mapper().readTree(json);
    } catch (JacksonException e) {
      throw new CommandException(
          ExitCode.RUN_FAILED,
          "the manifest "
              + found.manifestKey()
              + " is damaged: "
              + e.getOriginalMessage()
              + "; verify the archive, and restore the manifest from within it",
          e);
    }
  }

  private static <T> T result(Future<T> future) {
    try {
      return future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
