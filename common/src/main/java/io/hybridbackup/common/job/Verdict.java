package io.hybridbackup.common.job;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.hybridbackup.common.event.FailureCode;

/** How an attempt ended. The next one opens only after {@link Voided}. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "verdict")
@JsonSubTypes({
  @JsonSubTypes.Type(value = Verdict.Composed.class, name = "composed"),
  @JsonSubTypes.Type(value = Verdict.Voided.class, name = "void")
})
public sealed interface Verdict {
  /** The archive is in the store, whole. */
  record Composed(String etag) implements Verdict {}

  /**
   * @param retryable whether another attempt may do better
   */
  record Voided(FailureCode code, String reason, boolean retryable) implements Verdict {}
}
