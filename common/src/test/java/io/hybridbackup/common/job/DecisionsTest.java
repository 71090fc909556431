package io.hybridbackup.common.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.store.FilesystemObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DecisionsTest {
  private static final Decision<String> WINNER =
      new Decision<>(new ObjectKey("runs/abc/winner"), String.class);

  @TempDir private Path directory;
  private TroubledStore store;
  private Decisions decisions;

  @BeforeEach
  void openStore() {
    ObjectStore files = new FilesystemObjectStore(directory);
    store = new TroubledStore(files);
    decisions = new Decisions(store);
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  @Test
  void shouldFindNothingBeforeAnybodyHasDecided() {
    assertThat(decisions.find(WINNER)).isEmpty();
    assertThat(decisions.isMade(WINNER)).isFalse();
  }

  @Test
  void shouldStandByTheFirstProposal() {
    assertThat(decisions.decide(WINNER, "first")).isEqualTo("first");
    assertThat(decisions.decide(WINNER, "second")).isEqualTo("first");

    assertThat(decisions.find(WINNER)).contains("first");
    assertThat(decisions.isMade(WINNER)).isTrue();
  }

  @Test
  void shouldGiveEverybodyTheSameDecision() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int round = 1; round <= 20; round++) {
        // given
        Decision<String> decision =
            new Decision<>(new ObjectKey("runs/abc/round-" + round), String.class);
        List<Callable<String>> proposers =
            IntStream.range(0, 5)
                .<Callable<String>>mapToObj(i -> () -> decisions.decide(decision, "proposal " + i))
                .toList();

        // when
        Set<String> standing = new HashSet<>();
        for (Future<String> one : threads.invokeAll(proposers)) {
          standing.add(one.get());
        }

        // then
        assertThat(standing).hasSize(1);
      }
    }
  }

  @Test
  void shouldDecideNothingWhileTheStoreIsDown() {
    store.goDown();

    assertThatThrownBy(() -> decisions.decide(WINNER, "first"))
        .isInstanceOf(StoreException.Unavailable.class);

    store.comeBack();
    assertThat(decisions.isMade(WINNER)).isFalse();
  }
}
