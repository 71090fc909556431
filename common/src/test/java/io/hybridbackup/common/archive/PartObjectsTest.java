package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;

class PartObjectsTest {
  private static final ObjectKey BASE = ObjectKey.of("backups", "edms", "base.tar.gz");
  private static final int MEMBER_BYTES = PartObjects.SHORTEST_SLICE + 1000;
  private static final long ZEROS = Crc64Nvme.of(new byte[MEMBER_BYTES]);

  private final ZeroBase store = new ZeroBase();

  @Test
  void shouldTakeNoSlicesOverThatAreShortWhereThereAreManyAlready() throws IOException {
    try (PartObjects objects = new PartObjects(store, ObjectKey.of("work", "part"))) {
      // given
      PartObjects.Series content = objects.content();
      for (int number = 0; number <= PartObjects.SLICES_A_DOUBLING; number++) {
        Member _ = content.append(member(2L * number, ZEROS));
      }

      // when
      Member _ = content.append(member(2L * PartObjects.SLICES_A_DOUBLING + 2, ZEROS));
      Member _ = content.append(member(2L * PartObjects.SLICES_A_DOUBLING + 3, ZEROS));
      content.complete();

      // then the last one is long enough, as two of them lie behind each other
      assertThat(content.slices()).hasSize(PartObjects.SLICES_A_DOUBLING + 2);
      assertThat(content.slices().subList(0, PartObjects.SLICES_A_DOUBLING))
          .allMatch(slice -> slice.object().equals(BASE));
      Slice copied = content.slices().get(PartObjects.SLICES_A_DOUBLING);
      assertThat(copied.object()).isEqualTo(ObjectKey.of("work", "part", "part-00001"));
      assertThat(store.open(copied)).hasBinaryContent(new byte[MEMBER_BYTES]);
      assertThat(content.checksums().get(PartObjects.SLICES_A_DOUBLING))
          .isEqualTo(Crc64Nvme.hex(ZEROS));
      assertThat(content.slices().getLast().object()).isEqualTo(BASE);
      assertThat(content.slices().getLast().bytes()).isEqualTo(2 * MEMBER_BYTES);
      assertThat(content.reusedBytes())
          .isEqualTo((PartObjects.SLICES_A_DOUBLING + 2L) * MEMBER_BYTES);
    }
  }

  @Test
  void shouldNotCopyWhatIsNotWhatTheIndexSays() throws IOException {
    try (PartObjects objects = new PartObjects(store, ObjectKey.of("work", "part"))) {
      // given
      PartObjects.Series content = objects.content();
      Member _ =
          content.append(
              new Member.Reused(new Slice(BASE, "etag", 0, 1000), 1000, "0".repeat(64), ZEROS));

      // then
      assertThatThrownBy(content::complete).isInstanceOf(ArchiveCorruptException.class);
    }
    assertThat(store.list("work")).isEmpty();
  }

  @Test
  void shouldNotStretchWhatIsNotWhatTheIndexSays() throws IOException {
    ZeroBase sharing =
        new ZeroBase() {
          @Override
          public int sharedBlockBytes() {
            return 4096;
          }
        };
    try (PartObjects objects = new PartObjects(sharing, ObjectKey.of("work", "part"))) {
      // given
      PartObjects.Series content = objects.content();
      Member _ = content.append(member(0, ZEROS));

      // then
      assertThatThrownBy(() ->
              content.append(
                  new Member.Reused(
                      new Slice(BASE, "etag", 2L * MEMBER_BYTES, 1000),
                      1000,
                      "0".repeat(64),
                      ZEROS)))
          .isInstanceOfSatisfying(
              ArchiveCorruptException.class, damage -> assertThat(damage.object()).contains(BASE));
    }
  }

  private static Member member(long place, long crc64nvme) {
    return new Member.Reused(
        new Slice(BASE, "etag", place * MEMBER_BYTES, MEMBER_BYTES),
        MEMBER_BYTES,
        "0".repeat(64),
        crc64nvme);
  }

  /** Has a base of zeros without end. */
  private static class ZeroBase extends InMemoryObjectStore {
    ZeroBase() {
      super(InstantSource.fixed(Instant.EPOCH), true);
    }

    @Override
    public InputStream open(Slice slice) {
      return slice.object().equals(BASE)
          ? new ByteArrayInputStream(new byte[(int) slice.bytes()])
          : super.open(slice);
    }
  }
}
