package io.hybridbackup.common.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreCapabilities;
import io.hybridbackup.common.store.StoreException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ProbedStoreTest {
  private static final StoreCapabilities FOUND = new StoreCapabilities(true, true, false, 1);

  @Test
  void shouldWaitForAStoreThatIsAwayWhenAServiceStarts() throws Exception {
    assertThat(ProbedStore.probe(awayFor(1), Duration.ofMinutes(1))).isEqualTo(FOUND);
  }

  @Test
  void shouldGiveAStoreUpThatStaysAway() {
    assertThatThrownBy(() -> ProbedStore.probe(awayFor(Integer.MAX_VALUE), Duration.ZERO))
        .isInstanceOf(StoreException.Unavailable.class);
  }

  /** A store that can be probed after so many failures. */
  private static ObjectStore awayFor(int failures) {
    AtomicInteger left = new AtomicInteger(failures);
    return (ObjectStore)
        Proxy.newProxyInstance(
            ObjectStore.class.getClassLoader(),
            new Class<?>[] {ObjectStore.class},
            (_, _, _) -> {
              if (left.getAndDecrement() > 0) {
                throw new StoreException.Unavailable("away", null);
              }
              return FOUND;
            });
  }
}
