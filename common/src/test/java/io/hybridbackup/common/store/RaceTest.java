package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a race says of a store that does not let its losers lose quietly. */
class RaceTest {
  @TempDir private Path folder;

  private FilesystemObjectStore store;

  @BeforeEach
  void open() {
    store = new FilesystemObjectStore(folder);
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void shouldCallOneTheWinnerWhereAllOthersFindThatItExists() {
    assertThat(race().oneCompletes(store::upload)).isTrue();
  }

  @Test
  void shouldNotTrustAStoreThatRefusesTheLosers() {
    AtomicBoolean taken = new AtomicBoolean();

    assertThat(race().oneCompletes(key -> refusing(key, () -> taken.getAndSet(true)))).isFalse();
  }

  @Test
  void shouldSayWhyAStoreRefusesEverybody() {
    assertThatThrownBy(() -> race().oneCompletes(key -> refusing(key, () -> true)))
        .isInstanceOf(StoreException.Refused.class)
        .hasMessage("no such part");
  }

  private Race race() {
    return new Race(store, new ObjectKey("probe"));
  }

  private Upload refusing(ObjectKey key, BooleanSupplier refused) {
    Upload upload = store.upload(key);
    return new Upload() {
      @Override
      public void write(int octet) throws IOException {
        upload.write(octet);
      }

      @Override
      public StoredObject complete() {
        if (refused.getAsBoolean()) {
          throw new StoreException.Refused("no such part", null);
        }
        return upload.complete();
      }

      @Override
      public void close() throws IOException {
        upload.close();
      }
    };
  }
}
