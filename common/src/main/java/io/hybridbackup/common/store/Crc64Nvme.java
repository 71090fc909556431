package io.hybridbackup.common.store;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Objects;

/**
 * CRC-64/NVME, the checksum that S3 calls CRC64NVME: polynomial 0xAD93D23594C93659, reflected,
 * initial value and final XOR all ones (NVM Express NVM Command Set Specification, 5.2.1.3.4).
 */
public final class Crc64Nvme {
  private static final long POLYNOMIAL = 0x9a6c9329ac4bc9b5L;
  private static final int SLICES = 16;
  private static final long[][] TABLE = table();

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private long state = -1;

  private static long[][] table() {
    long[][] table = new long[SLICES][256];
    for (int i = 0; i < 256; i++) {
      long value = i;
      for (int bit = 0; bit < 8; bit++) {
        value = (value >>> 1) ^ ((value & 1) == 0 ? 0 : POLYNOMIAL);
      }
      table[0][i] = value;
    }
    for (int i = 0; i < 256; i++) {
      for (int slice = 1; slice < SLICES; slice++) {
        long before = table[slice - 1][i];
        table[slice][i] = (before >>> 8) ^ table[0][(int) (before & 0xff)];
      }
    }
    return table;
  }

  /** The checksum of these bytes. */
  public static long of(byte[] bytes) {
    Crc64Nvme crc = new Crc64Nvme();
    crc.update(bytes, 0, bytes.length);
    return crc.value();
  }

  /** Adds bytes at the end. */
  public void update(byte[] bytes, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, bytes.length);
    long crc = state;
    int i = offset;
    int end = offset + length;
    for (; end - i >= 16; i += 16) {
      long a = crc ^ (long) LONGS.get(bytes, i);
      long b = (long) LONGS.get(bytes, i + 8);
      crc =
          TABLE[15][(int) a & 0xff]
              ^ TABLE[14][(int) (a >>> 8) & 0xff]
              ^ TABLE[13][(int) (a >>> 16) & 0xff]
              ^ TABLE[12][(int) (a >>> 24) & 0xff]
              ^ TABLE[11][(int) (a >>> 32) & 0xff]
              ^ TABLE[10][(int) (a >>> 40) & 0xff]
              ^ TABLE[9][(int) (a >>> 48) & 0xff]
              ^ TABLE[8][(int) (a >>> 56)]
              ^ TABLE[7][(int) b & 0xff]
              ^ TABLE[6][(int) (b >>> 8) & 0xff]
              ^ TABLE[5][(int) (b >>> 16) & 0xff]
              ^ TABLE[4][(int) (b >>> 24) & 0xff]
              ^ TABLE[3][(int) (b >>> 32) & 0xff]
              ^ TABLE[2][(int) (b >>> 40) & 0xff]
              ^ TABLE[1][(int) (b >>> 48) & 0xff]
              ^ TABLE[0][(int) (b >>> 56)];
    }
    for (; i < end; i++) {
      crc = (crc >>> 8) ^ TABLE[0][(int) (crc ^ bytes[i]) & 0xff];
    }
    state = crc;
  }

  /** The checksum of all bytes so far. */
  public long value() {
    return ~state;
  }

  /**
   * The checksum of two stretches of bytes, one behind the other.
   *
   * @param first checksum of the first stretch
   * @param second checksum of the second
   * @param secondBytes length of the second
   */
  public static long combine(long first, long second, long secondBytes) {
    if (secondBytes < 0) {
      throw new IllegalArgumentException("no stretch has " + secondBytes + " bytes");
    }
    // Appending n zero bytes multiplies by x^(8n) modulo the polynomial; squaring makes that
    // logarithmic.
    long power = 1L << (63 - 8); // x^8, as the highest bit is x^0
    long shifted = first;
    for (long n = secondBytes; n != 0; n >>>= 1) {
      if ((n & 1) != 0) {
        shifted = multiply(shifted, power);
      }
      power = multiply(power, power);
    }
    return shifted ^ second;
  }

  /** The product modulo the polynomial; the highest bit of either is the coefficient of x^0. */
  private static long multiply(long a, long b) {
    long product = 0;
    long term = b;
    for (long rest = a; rest != 0; rest <<= 1) {
      if (rest < 0) {
        product ^= term;
      }
      term = (term >>> 1) ^ ((term & 1) == 0 ? 0 : POLYNOMIAL);
    }
    return product;
  }

  /** Sixteen lower-case hex digits. */
  public static String hex(long crc) {
    return HexFormat.of().toHexDigits(crc);
  }

  /**
   * Reads what {@link #hex} wrote.
   *
   * @throws IllegalArgumentException if these are not 16 hex digits
   */
  public static long parse(String hex) {
    if (hex.length() != 16) {
      throw new IllegalArgumentException("'" + hex + "' is not a CRC64NVME of 16 hex digits");
    }
    return HexFormat.fromHexDigitsToLong(hex);
  }
}
