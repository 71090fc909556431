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
