package io.hybridbackup.common.event;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/**
 * What depends on a database as such, does not go over to one that takes its name, and does not
 * notice when it is overwritten.
 */
public enum Dependent {
  /** A logical replication slot: it stays with the database that was there. */
  REPLICATION_SLOTS,

  /** A subscription: it stays with the database that was there. */
  SUBSCRIPTIONS,

  /**
   * A prepared transaction: it is rolled back, as a database that has one cannot be renamed, and
   * what it has locked cannot be dropped.
   */
  PREPARED_TRANSACTIONS;

  /** The name on the wire and on the command line. */
  @JsonValue
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The one of that label.
   *
   * @throws IllegalArgumentException if there is none
   */
  @JsonCreator
  public static Dependent ofLabel(String label) {
    for (Dependent dependent : values()) {
      if (dependent.label().equals(label)) {
        return dependent;
      }
    }
    throw new IllegalArgumentException(
        "'%s' is nothing that can be overridden; use \"replication-slots\", \"subscriptions\" or"
                .formatted(label)
            + " \"prepared-transactions\"");
  }
}
