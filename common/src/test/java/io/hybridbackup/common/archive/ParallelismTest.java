package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.testing.WatchedStore;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;

class ParallelismTest {
  private static final long MIB = 1024 * 1024;

  /** Of two parts each of two runs. */
  private static final long PARTS = 4;

  @Test
  void shouldKeepTheProcessorsOfASmallMachineBusy() {
    Parallelism small = new Parallelism(2, 370 * MIB);

    assertThat(small.compressing()).isEqualTo(2);
    assertThat(small.batches()).isEqualTo(5);
  }

  @Test
  void shouldKeepWithinTheHeapHoweverManyProcessorsThereAre() {
    for (int processors : new int[] {1, 2, 8, 32, 256}) {
      for (long heap : new long[] {256 * MIB, 384 * MIB, 2048 * MIB}) {
        Parallelism parallelism = new Parallelism(processors, heap);
        assertThat(parallelism.compressing()).isBetween(1, processors);
        assertThat(PARTS * parallelism.compressing() * 4 * MIB).isLessThanOrEqualTo(heap / 3);
        assertThat(parallelism.batches()).isBetween(2, Math.max(4, processors) + 1);
        assertThat(PARTS * parallelism.batches() * 12 * MIB).isLessThanOrEqualTo(heap * 2 / 3);
      }
    }
  }

  @Test
  void shouldUseManyProcessorsWhereTheHeapHasRoomForThem() {
    Parallelism large = new Parallelism(32, 4096 * MIB);

    assertThat(large.compressing()).isEqualTo(32);
    assertThat(large.batches()).isEqualTo(33);
  }

  @Test
  void shouldReadNoFurtherAheadThanThereIsRoomFor() throws Exception {
    // given
    int members = 20;
    int plainBytes = MemberSource.BATCH_PLAIN_BYTES;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(new byte[plainBytes]);
    }
    byte[] member = out.toByteArray();
    WatchedStore store = new WatchedStore(new InMemoryObjectStore(InstantSource.system(), true));
    StoredObject object;
    try (var upload = store.upload(new ObjectKey("work/part"))) {
      for (int i = 0; i < members; i++) {
        upload.write(member);
      }
      object = upload.complete();
    }
    Slice whole = new Slice(object.key(), object.etag(), 0, object.bytes());
    Parallelism tight = new Parallelism(32, 216 * MIB);
    assertThat(tight.batches()).isEqualTo(3);
    try (MemberSource source =
        new MemberSource(
            store,
            new StoredBytes(List.of(whole)),
            number -> {
              throw new IllegalStateException("all are held");
            },
            "the part",
            tight)) {
      for (int i = 0; i < members; i++) {
        source.expect(
            i,
            new IndexLine.Span(
                (long) i * member.length,
                member.length,
                plainBytes,
                Sha256.of(new byte[plainBytes], plainBytes),
                Crc64Nvme.hex(Crc64Nvme.of(member))),
            true);
      }

      // when
      assertThat(source.next().bytes()).isEqualTo(plainBytes);

      // then
      await()
          .during(Duration.ofMillis(300))
          .until(() -> store.opened().size() <= 1 + tight.batches());
    }
  }
}
