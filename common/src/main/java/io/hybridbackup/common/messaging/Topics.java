package io.hybridbackup.common.messaging;

import io.hybridbackup.common.event.Event;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.RunState;
import java.time.Duration;
import java.util.List;

/** The topics of the contract, what they hold, by what key, and for how long. */
public final class Topics {
  /** Requests about backups, by source. */
  public static final Topic BACKUP_REQUESTS =
      new Topic("backup.requests.v1", new Topic.Retention(Duration.ofDays(14)));

  /** Requests to restore, by target; a topic of its own because it deserves its own ACL. */
  public static final Topic RESTORE_REQUESTS =
      new Topic("restore.requests.v1", new Topic.Retention(Duration.ofDays(14)));

  /** Every fact, by run. */
  public static final Topic BACKUP_EVENTS =
      new Topic("backup.events.v1", new Topic.Retention(Duration.ofDays(30)));

  /** The latest state of every run, by run. */
  public static final Topic BACKUP_STATE = new Topic("backup.state.v1", new Topic.Compaction());

  /** The consumer group that answers {@link #BACKUP_REQUESTS}. */
  public static final String PACKAGER_GROUP = "hybrid-backup-packager";

  /** The consumer group that answers {@link #RESTORE_REQUESTS}. */
  public static final String RESTORE_GROUP = "hybrid-backup-restore";

  private Topics() {}

  /** Every topic, those for dead letters too. */
  public static List<Topic> all() {
    return List.of(
        BACKUP_REQUESTS,
        RESTORE_REQUESTS,
        BACKUP_EVENTS,
        BACKUP_STATE,
        BACKUP_REQUESTS.deadLetters(),
        RESTORE_REQUESTS.deadLetters(),
        BACKUP_EVENTS.deadLetters());
  }

  /** Where an event is published. */
  public static Topic of(Event event) {
    return switch (event) {
      case Request.RestoreRequested _ -> RESTORE_REQUESTS;
      case Request _ -> BACKUP_REQUESTS;
      case Fact _ -> BACKUP_EVENTS;
      case RunState _ -> BACKUP_STATE;
    };
  }

  /** The key by which an event is published: events of one key keep their order. */
  public static String keyOf(Event event) {
    return switch (event) {
      case Request.BackupRequested request -> request.source();
      case Request.BackupCancelRequested request -> request.source();
      case Request.VerificationRequested request -> request.source();
      case Request.RestoreRequested request -> request.target();
      case Fact fact -> fact.run().value();
      case RunState state -> state.run().value();
    };
  }
}
