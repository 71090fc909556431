package io.hybridbackup.common.archive;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;

/**
 * The bytes of one gzip member (RFC 1952): no name, no time, operating system unknown, so that
 * equal content always has an equal frame.
 */
final class GzipMember {
  static final int HEADER_BYTES = 10;
  static final int TRAILER_BYTES = 8;
  private static final int STORED_BLOCK_BYTES = 65535;

  /** Deflate blocks without content: a stored one, and one of a fixed code with such a one. */
  private static final byte[] FILLER_OF_5 = {0, 0, 0, (byte) 0xff, (byte) 0xff};

  private static final byte[] FILLER_OF_6 = {2, 0, 0, 0, (byte) 0xff, (byte) 0xff};
  private static final byte[] LAST_BLOCK = {1, 0, 0, (byte) 0xff, (byte) 0xff};

  /** Fives and sixes add up to this, and to everything above it. */
  private static final int LEAST_FILLER = 20;

  /** No member without content that is to have a certain length is shorter. */
  static final int LEAST_EMPTY = HEADER_BYTES + LEAST_FILLER + LAST_BLOCK.length + TRAILER_BYTES;

  private static final byte[] HEADER = {0x1f, (byte) 0x8b, 8, 0, 0, 0, 0, 0, 0, (byte) 0xff};
  private static final Inflate INFLATE = Inflate.fastest();

  private GzipMember() {}

  /** A whole member around bytes that have been deflated already. */
  static byte[] around(MemorySegment deflated, byte[] plain, int plainBytes) {
    int bytes = (int) deflated.byteSize();
    byte[] member = new byte[HEADER_BYTES + bytes + TRAILER_BYTES];
    ByteBuffer buffer = begin(member);
    MemorySegment.copy(deflated, ValueLayout.JAVA_BYTE, 0, member, HEADER_BYTES, bytes);
    finish(buffer.position(HEADER_BYTES + bytes), plain, plainBytes);
    return member;
  }

  /** A whole member whose content is stored as it is. */
  static byte[] stored(byte[] plain, int plainBytes) {
    int blocks = Math.max(1, Math.ceilDiv(plainBytes, STORED_BLOCK_BYTES));
    byte[] member = new byte[HEADER_BYTES + 5 * blocks + plainBytes + TRAILER_BYTES];
    ByteBuffer buffer = begin(member);
    for (int block = 0, from = 0; block < blocks; block++) {
      int bytes = Math.min(STORED_BLOCK_BYTES, plainBytes - from);
      buffer.put((byte) (block == blocks - 1 ? 1 : 0));
      buffer.putShort((short) bytes).putShort((short) ~bytes).put(plain, from, bytes);
      from += bytes;
    }
    finish(buffer, plain, plainBytes);
    return member;
  }

  /** A member of a certain length without content; at least {@link #LEAST_EMPTY}. */
  static byte[] empty(int bytes) {
    byte[] member = new byte[bytes];
    ByteBuffer buffer = begin(member);
    fill(buffer, bytes - HEADER_BYTES - LAST_BLOCK.length - TRAILER_BYTES);
    finish(buffer.put(LAST_BLOCK), new byte[0], 0);
    return member;
  }

  /**
   * The same member, longer or shorter by a number of bytes which leaves a certain remainder:
   * blocks without content go before all others, and take the place of such that are there.
   *
   * @param more by how much it is to be longer, but for multiples of {@code modulus}
   * @param modulus more than 25
   */
  static byte[] stretched(byte[] member, long more, int modulus) {
    int earlier = filler(member);
    int filler = Math.floorMod(more + earlier, modulus);
    if (filler > 0 && filler < LEAST_FILLER) {
      filler += modulus;
    }
    int from = HEADER_BYTES + earlier;
    byte[] stretched = new byte[member.length - earlier + filler];
    ByteBuffer buffer = begin(stretched);
    fill(buffer, filler);
    buffer.put(member, from, member.length - from);
    return stretched;
  }

  /** How many bytes of blocks without content a member begins with. */
  private static int filler(byte[] member) {
    int at = HEADER_BYTES;
    while (true) {
      if (isAt(member, at, FILLER_OF_5)) {
        at += FILLER_OF_5.length;
      } else if (isAt(member, at, FILLER_OF_6)) {
        at += FILLER_OF_6.length;
      } else {
        return at - HEADER_BYTES;
      }
    }
  }

  private static boolean isAt(byte[] member, int at, byte[] block) {
    int end = at + block.length;
    return end <= member.length - TRAILER_BYTES
        && Arrays.equals(member, at, end, block, 0, block.length);
  }

  private static void fill(ByteBuffer member, int bytes) {
    int sixes = bytes % FILLER_OF_5.length;
    for (int i = 0; i < sixes; i++) {
      member.put(FILLER_OF_6);
    }
    for (int left = bytes - sixes * FILLER_OF_6.length; left > 0; left -= FILLER_OF_5.length) {
      member.put(FILLER_OF_5);
    }
  }

  private static ByteBuffer begin(byte[] member) {
    return ByteBuffer.wrap(member).order(ByteOrder.LITTLE_ENDIAN).put(HEADER);
  }

  private static void finish(ByteBuffer member, byte[] plain, int plainBytes) {
    member.putInt(crc32(plain, plainBytes)).putInt(plainBytes);
  }

  private static int crc32(byte[] plain, int plainBytes) {
    CRC32 crc = new CRC32();
    crc.update(plain, 0, plainBytes);
    return (int) crc.getValue();
  }

  /**
   * The content of exactly one member.
   *
   * @throws DataFormatException if these bytes are not one whole member that holds {@code
   *     plainBytes} bytes
   */
  static byte[] decode(byte[] member, int plainBytes) throws DataFormatException {
    int deflated = member.length - HEADER_BYTES - TRAILER_BYTES;
    if (deflated < 1 || !Arrays.equals(member, 0, HEADER_BYTES, HEADER, 0, HEADER_BYTES)) {
      throw new DataFormatException("no gzip member begins here");
    }
    byte[] plain = new byte[plainBytes];
    INFLATE.inflate(member, HEADER_BYTES, deflated, plain);
    ByteBuffer trailer =
        ByteBuffer.wrap(member, member.length - TRAILER_BYTES, TRAILER_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    if (trailer.getInt() != crc32(plain, plainBytes) || trailer.getInt() != plainBytes) {
      throw new DataFormatException("its CRC32 or length does not fit its content");
    }
    return plain;
  }
}
