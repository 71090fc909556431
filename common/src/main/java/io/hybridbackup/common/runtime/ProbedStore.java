package io.hybridbackup.common.runtime;

import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.store.StoreCapabilities;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the store and says what it was found to do. */
final class ProbedStore {
  private static final Logger LOG = LoggerFactory.getLogger(ProbedStore.class);

  private ProbedStore() {}

  static ObjectStore open(Settings.Store settings) {
    ObjectStore store = ObjectStores.open(settings);
    StoreCapabilities found;
    try {
      found = store.probe();
    } catch (RuntimeException e) {
      store.close();
      throw e;
    }
    LOG.atInfo()
        .addKeyValue("store", settings)
        .addKeyValue("conditionalCreate", found.conditionalCreate())
        .addKeyValue("rangeCopy", found.rangeCopy())
        .addKeyValue("fullObjectChecksum", found.fullObjectChecksum())
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
}
