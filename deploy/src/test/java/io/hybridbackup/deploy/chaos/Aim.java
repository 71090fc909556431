package io.hybridbackup.deploy.chaos;

import static io.hybridbackup.deploy.chaos.Step.*;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** A fault that is aimed at a step. */
record Aim(Fault fault, Step step) {

  /** Every pair that means something. */
  static List<Aim> all() {
    List<Aim> aims = new ArrayList<>();
    for (Fault fault : Fault.values()) {
      for (Step step : steps(fault)) {
        aims.add(new Aim(fault, step));
      }
    }
    return aims;
  }

  private static Set<Step> steps(Fault fault) {
    return switch (fault) {
      // Wherever a service talks to the store.
      case KILL, FREEZE, ERROR_500, ERROR_503, SLOW, CUT -> EnumSet.allOf(Step.class);
      case STORE_AWAY ->
          EnumSet.of(
              CLAIM,
              OPENED,
              PREPARED,
              SNAPSHOT,
              MEDIA_PART,
              DATABASE_PART,
              PLAN,
              ARCHIVE_COMPLETED,
              VERDICT,
              OUTCOME,
              TOLD,
              FETCH,
              BEGUN,
              RESTORE_OUTCOME);
      // Wherever something is written that takes up room.
      case STORE_FULL ->
          EnumSet.of(
              CLAIM,
              SNAPSHOT,
              MEDIA_PART,
              DATABASE_PART,
              PLAN,
              ARCHIVE_WHOLE,
              ARCHIVE_PIECE,
              ARCHIVE_COMPLETED,
              OUTCOME,
              MANIFEST,
              RESTORE_OUTCOME);
      // Just before a service begins to fill its disk.
      case DISK_FULL -> EnumSet.of(MEDIA_EPOCH, RESTORE_EPOCH, TAKEN, PREPARING);
      // Where something is about to be published, or has just been.
      case BROKER_RESTART ->
          EnumSet.of(
              CLAIM,
              OPENED,
              PREPARED,
              SNAPSHOT,
              MEDIA_OUTCOME,
              DATABASE_OUTCOME,
              OUTCOME,
              TOLD,
              RESTORE_CLAIM,
              RESTORE_OUTCOME);
      // Where the server is in use, or about to be.
      case POSTGRES_RESTART ->
          EnumSet.of(
              DATABASE_EPOCH,
              SNAPSHOT,
              DATABASE_PART,
              DATABASE_READ_BACK,
              RESTORE_EPOCH,
              TAKEN,
              PREPARING,
              BEGUN,
              DONE,
              RESTORE_OUTCOME);
      case REPLAY ->
          EnumSet.of(
              OPEN_MARK,
              CLAIM,
              SLOT,
              OPENED,
              PREPARED,
              SNAPSHOT,
              MEDIA_OUTCOME,
              DATABASE_OUTCOME,
              PLAN,
              VERDICT,
              OUTCOME,
              MANIFEST,
              TOLD,
              CLOSED,
              RESTORE_CLAIM,
              TAKEN,
              BEGUN,
              RESTORE_OUTCOME,
              RESTORE_CLOSED);
      // A restore cannot be cancelled.
      case CANCEL ->
          EnumSet.of(
              CLAIM,
              LEAD,
              OPENED,
              MEDIA_EPOCH,
              PREPARED,
              SNAPSHOT,
              MEDIA_PART,
              DATABASE_PART,
              MEDIA_OUTCOME,
              PLAN,
              VERDICT,
              OUTCOME,
              TOLD);
    };
  }

  @Override
  public String toString() {
    return fault + "@" + step;
  }
}
