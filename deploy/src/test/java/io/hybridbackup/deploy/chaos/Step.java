package io.hybridbackup.deploy.chaos;

import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A step of the protocol, as it shows in what a service asks of the store. */
enum Step {
  OPEN_MARK("packager", "PUT", "open/[^/]+"),
  CLAIM("packager", "PUT", "runs/[^/]+/claim"),
  SLOT("packager", "PUT", "slots/backup/.+"),
  LEAD("packager", "PUT", "runs/[^/]+/packager/epoch-\\d+"),
  NAME("packager", "PUT", "names/.+"),
  OPENED("packager", "PUT", "runs/[^/]+/attempt-\\d+/opened"),
  MEDIA_EPOCH("media-sync", "PUT", "runs/[^/]+/attempt-\\d+/media/epoch-\\d+"),
  PREPARED("media-sync", "PUT", "runs/[^/]+/attempt-\\d+/prepared"),
  MEDIA_PART("media-sync", "PUT|POST", "work/.+"),
  MEDIA_READ_BACK("media-sync", "GET", "work/.+"),
  MEDIA_OUTCOME("media-sync", "PUT", "runs/[^/]+/attempt-\\d+/media/outcome"),
  DATABASE_EPOCH("db-dump", "PUT", "runs/[^/]+/attempt-\\d+/database/epoch-\\d+"),
  SNAPSHOT("db-dump", "PUT", "runs/[^/]+/attempt-\\d+/snapshot"),
  DATABASE_PART("db-dump", "PUT|POST", "work/.+"),
  DATABASE_READ_BACK("db-dump", "GET", "work/.+"),
  DATABASE_OUTCOME("db-dump", "PUT", "runs/[^/]+/attempt-\\d+/database/outcome"),
  PART_HEARTBEAT("media-sync|db-dump", "PUT", "runs/.+\\.heartbeat"),
  LEAD_HEARTBEAT("packager", "PUT", "runs/.+\\.heartbeat"),
  PLAN("packager", "PUT", "runs/[^/]+/attempt-\\d+/plan"),
  /** An archive of less than 5 MiB is one request; a larger one is a multipart upload. */
  ARCHIVE_WHOLE("packager", "PUT", "backups/[^?]+\\.tar\\.gz"),
  ARCHIVE_BEGUN("packager", "POST", "backups/[^?]+\\.tar\\.gz\\?uploads.*"),
  ARCHIVE_PIECE("packager", "PUT", "backups/[^?]+\\.tar\\.gz\\?.*partNumber=.*"),
  ARCHIVE_COMPLETED("packager", "POST", "backups/[^?]+\\.tar\\.gz\\?uploadId=.*"),
  VERDICT("packager", "PUT", "runs/[^/]+/attempt-\\d+/verdict"),
  OUTCOME("packager", "PUT", "runs/[^/]+/outcome"),
  MANIFEST("packager", "PUT", "backups/.+\\.manifest\\.json"),
  TOLD("packager", "PUT", "runs/[^/]+/told"),
  TIDYING_UP("packager", "DELETE", "work/.+"),
  CLOSED("packager", "DELETE", "open/[^/]+"),
  RESTORE_CLAIM("restore", "PUT", "runs/[^/]+/claim"),
  RESTORE_SLOT("restore", "PUT", "slots/restore/.+"),
  RESTORE_EPOCH("restore", "PUT", "runs/[^/]+/restore/epoch-\\d+"),
  RESTORE_HEARTBEAT("restore", "PUT", "runs/.+\\.heartbeat"),
  /** Entries of the journal, by the numbers that they have where nobody takes over. */
  TAKEN("restore", "PUT", "runs/[^/]+/restore/journal-00001"),
  PREPARING("restore", "PUT", "runs/[^/]+/restore/journal-00002"),
  FETCH("restore", "GET", "backups/.+\\.tar\\.gz"),
  BEGUN("restore", "PUT", "runs/[^/]+/restore/journal-00003"),
  DONE("restore", "PUT", "runs/[^/]+/restore/journal-00004"),
  RESTORE_OUTCOME("restore", "PUT", "runs/[^/]+/outcome"),
  RESTORE_TOLD("restore", "PUT", "runs/[^/]+/told"),
  RESTORE_CLOSED("restore", "DELETE", "open/[^/]+");

  private final Pattern request;

  Step(String services, String methods, String target) {
    request = Pattern.compile("(?:%s) (?:%s) %s".formatted(services, methods, target));
  }

  /**
   * The step that a request takes.
   *
   * @param target key, and query if there is one
   */
  static Optional<Step> of(String service, String method, String target) {
    String request = service + " " + method + " " + target;
    return Stream.of(values()).filter(step -> step.request.matcher(request).matches()).findFirst();
  }

  /** Whether it happens many times in a run. */
  boolean isFrequent() {
    return switch (this) {
      case PART_HEARTBEAT,
          LEAD_HEARTBEAT,
          RESTORE_HEARTBEAT,
          MEDIA_PART,
          MEDIA_READ_BACK,
          DATABASE_PART,
          DATABASE_READ_BACK,
          TIDYING_UP,
          FETCH ->
          true;
      default -> false;
    };
  }
}
