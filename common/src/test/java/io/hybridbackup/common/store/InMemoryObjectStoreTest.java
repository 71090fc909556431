package io.hybridbackup.common.store;

import java.time.InstantSource;

class InMemoryObjectStoreTest extends ObjectStoreContract {
  @Override
  ObjectStore openEmpty() {
    return new InMemoryObjectStore(InstantSource.system(), true);
  }

  @Override
  boolean knowsEveryChecksum() {
    return true;
  }
}
