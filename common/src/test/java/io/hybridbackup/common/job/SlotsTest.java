package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SlotsTest {
  private static final ObjectKey SLOTS = RunKeys.slots(new SourceName("edms"));
  private static final RunId FIRST = RunId.ofRequest("/test", "first");
  private static final RunId SECOND = RunId.ofRequest("/test", "second");
  private static final RunId THIRD = RunId.ofRequest("/test", "third");

  @TempDir private Path directory;
  private final Set<RunId> ended = new HashSet<>();
  private TroubledStore store;
  private Slots slots;

  @BeforeEach
  void openStore() {
    store = new TroubledStore(new FilesystemObjectStore(directory));
    slots = new Slots(new Runs(store));
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  @Test
  void shouldGiveTheTurnToOneRunAtATime() {
    assertThat(slots.holder(SLOTS)).isEmpty();
    assertThat(take(FIRST)).isTrue();
    assertThat(take(SECOND)).isFalse();
    assertThat(slots.holder(SLOTS)).contains(FIRST);
  }

  @Test
  void shouldGiveTheTurnToTheNextRunOnceTheLastHasEnded() {
    // given
    take(FIRST);

    // when
    ended.add(FIRST);

    // then
    assertThat(take(SECOND)).isTrue();
    assertThat(slots.holder(SLOTS)).contains(SECOND);
    assertThat(take(THIRD)).isFalse();
  }

  @Test
  void shouldTellARunThatItIsStillItsTurn() {
    take(FIRST);

    assertThat(take(FIRST)).isTrue();

    assertThat(store.children(SLOTS.value())).containsExactly("000001");
  }

  @Test
  void shouldGiveTheTurnToOneOfManyThatTakeItAtOnce() throws Exception {
    List<Callable<Boolean>> takers =
        IntStream.range(0, 8)
            .<Callable<Boolean>>mapToObj(i -> () -> take(RunId.ofRequest("/test", "run-" + i)))
            .toList();

    int winners = 0;
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Boolean> one : threads.invokeAll(takers)) {
        winners += one.get() ? 1 : 0;
      }
    }

    assertThat(winners).isEqualTo(1);
  }

  @Test
  void shouldNotGiveTheTurnToASlowTakerWhoFillsAGap() {
    // given
    take(FIRST);
    ended.add(FIRST);
    AtomicBoolean slow = new AtomicBoolean(true);
    store.trouble(key -> {
      if (key.endsWith("/000002") && slow.getAndSet(false)) {
        // While this taker was slow, another run had the slot, ended, and was forgotten.
        take(SECOND);
        ended.add(SECOND);
        take(THIRD);
        store.delete(SLOTS.resolve("000001"));
        store.delete(SLOTS.resolve("000002"));
      }
    });

    // when
    boolean turn = take(RunId.ofRequest("/test", "slow"));

    // then
    assertThat(turn).isFalse();
    assertThat(slots.holder(SLOTS)).contains(THIRD);
  }

  private boolean take(RunId run) {
    return slots.take(SLOTS, run, ended::contains);
  }
}
