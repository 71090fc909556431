package io.hybridbackup.common.job;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.identity.Component;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

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
   * @param spoilt components of whose parts the store did not give back what had been written; a
   *     component whose own outcome says so may be left out
   */
  record Voided(FailureCode code, String reason, boolean retryable, Set<Component> spoilt)
      implements Verdict {
    public Voided(FailureCode code, String reason, boolean retryable) {
      this(code, reason, retryable, Set.of());
    }

    /**
     * @param spoilt null in a record of the first version, which tells it by the code alone
     */
    @JsonCreator
    static Voided read(
        FailureCode code, String reason, boolean retryable, @Nullable Set<Component> spoilt) {
      Set<Component> byCode =
          code == FailureCode.STORE_CORRUPT || code == FailureCode.BASE_CHANGED
              ? Component.parts()
              : Set.of();
      return new Voided(code, reason, retryable, Objects.requireNonNullElse(spoilt, byCode));
    }
  }
}
