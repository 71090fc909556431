package io.hybridbackup.common.runtime;

import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.store.StoreCapabilities;
import io.hybridbackup.common.store.StoreException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the store and says what it was found to do. */
final class ProbedStore {
  private static final Logger LOG = LoggerFactory.getLogger(ProbedStore.class);

  private static final Duration PAUSE = Duration.ofSeconds(2);

  private ProbedStore() {}

  /**
   * The caller closes it.
   *
   * @param patience how long a store that is away is waited for
   */
  static ObjectStore open(Settings.Store settings, Duration patience) throws InterruptedException {
    ObjectStore store = ObjectStores.open(settings);
    StoreCapabilities found;
    try {
      found = probe(store, patience);
    } catch (InterruptedException | RuntimeException e) {
      store.close();
      throw e;
    }
    LOG.atInfo()
        .addKeyValue("store", settings)
        .addKeyValue("conditionalCreate", found.conditionalCreate())
        .addKeyValue("rangeCopy", found.rangeCopy())
        .addKeyValue("fullObjectChecksum", found.fullObjectChecksum())
        .addKeyValue("sharedBlockBytes", found.sharedBlockBytes())
        .log("the object store was probed");
    if (!found.conditionalCreate()) {
      LOG.atWarn()
          .addKeyValue("store", settings)
          .log(
              "the store does not honour conditional creates: never run more than one replica of"
                  + " a service on it");
    }
    return store;
  }

  static StoreCapabilities probe(ObjectStore store, Duration patience) throws InterruptedException {
    long end = System.nanoTime() + patience.toNanos();
    while (true) {
      try {
        return store.probe();
      } catch (StoreException.Unavailable e) {
        if (System.nanoTime() > end) {
          throw e;
        }
        LOG.atWarn()
            .addKeyValue("reason", e.getMessage())
            .log("the object store does not answer; waiting for it");
        Thread.sleep(PAUSE);
      }
    }
  }
}
