package io.hybridbackup.common.archive;

import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Slice;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;

/** A program that is told of the members of a dump of a terabyte before its entry. */
final class ManyMembers {
  private static final int MEMBER_BYTES = 1 << 20;

  private ManyMembers() {}

  /**
   * @param arguments the number of members
   */
  public static void main(String[] arguments) {
    int members = Integer.parseInt(arguments[0]);
    Slice part = new Slice(ObjectKey.of("part"), "etag", 0, (long) members * MEMBER_BYTES);
    InMemoryObjectStore store = new InMemoryObjectStore(InstantSource.fixed(Instant.EPOCH), true);
    try (MemberSource source =
        new MemberSource(
            store, new StoredBytes(List.of(part)), "the database part", Parallelism.here())) {
      for (int number = 0; number < members; number++) {
        byte[] content = ByteBuffer.allocate(Integer.BYTES).putInt(number).array();
        source.expect(
            number,
            new IndexLine.Span(
                (long) number * MEMBER_BYTES,
                MEMBER_BYTES,
                MEMBER_BYTES,
                Sha256.of(content, content.length),
                "%016x".formatted(number)),
            true);
      }
      if (!source.hasNext() || !source.isAhead()) {
        throw new AssertionError("the members are not expected any more");
      }
    }
  }
}
