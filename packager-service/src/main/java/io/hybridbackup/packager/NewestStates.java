package io.hybridbackup.packager;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.RunState;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.messaging.EventPublisher;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Keeps the newest state of each run the last one in its topic: who was frozen for long publishes
 * an older one behind it, and then the newer is published again.
 */
final class NewestStates {
  private static final int REMEMBERED = 10_000;

  private static final Comparator<RunState> BY_AGE =
      Comparator.comparingInt(RunState::epoch).thenComparingLong(RunState::revision);

  private final EventPublisher publisher;
  private final Map<RunId, Envelope> newest =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<RunId, Envelope> eldest) {
          return size() > REMEMBERED;
        }
      };

  NewestStates(EventPublisher publisher) {
    this.publisher = publisher;
  }

  /** Takes what is in the topic, in its order. */
  void hear(Envelope envelope) {
    if (envelope.data() instanceof RunState state) {
      Envelope before = newest.get(state.run());
      if (before != null && BY_AGE.compare((RunState) before.data(), state) > 0) {
        publisher.publish(before);
      } else {
        newest.put(state.run(), envelope);
      }
    }
  }
}
