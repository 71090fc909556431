package io.hybridbackup.common.job;

import io.hybridbackup.common.json.StoredJson;
import io.hybridbackup.common.store.ObjectStore;
import java.util.Optional;

/**
 * Decides by creating: of all who propose, the first one's record stands for ever.
 *
 * <p>Errors are those of the {@link ObjectStore}.
 */
public final class Decisions {
  private final ObjectStore store;

  public Decisions(ObjectStore store) {
    this.store = store;
  }

  /** What has been decided; empty if nothing has been yet. */
  public <T> Optional<T> find(Decision<T> decision) {
    return store.read(decision.key()).map(json -> StoredJson.read(json, decision.type()));
  }

  public boolean isMade(Decision<?> decision) {
    return store.find(decision.key()).isPresent();
  }

  /**
   * Proposes a decision.
   *
   * @return what stands: the proposal if it was the first, otherwise what another had decided
   */
  public <T> T decide(Decision<T> decision, T proposal) {
    if (store.create(decision.key(), StoredJson.write(proposal))) {
      return proposal;
    }
    return find(decision)
        .orElseThrow(() ->
            new IllegalStateException("the decision " + decision.key() + " has been deleted"));
  }
}
