package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Crc64NvmeTest {
  @Test
  void shouldGiveTheCheckValueOfTheSpecification() {
    byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);

    assertThat(Crc64Nvme.hex(Crc64Nvme.of(digits))).isEqualTo("ae8b14860a799888");
  }

  @Test
  void shouldGiveTheSpecificationsValueOfAPageOfZeros() {
    assertThat(Crc64Nvme.hex(Crc64Nvme.of(new byte[4096]))).isEqualTo("6482d367eb22b64e");
  }

  @Test
  void shouldNotDependOnHowTheBytesCome() {
    byte[] bytes = new byte[10_007];
    new Random(1).nextBytes(bytes);
    Crc64Nvme crc = new Crc64Nvme();
    for (int from = 0, step = 1; from < bytes.length; from += step, step = step % 61 + 1) {
      crc.update(bytes, from, Math.min(step, bytes.length - from));
      if (from + step >= bytes.length) {
        break;
      }
    }

    assertThat(crc.value()).isEqualTo(Crc64Nvme.of(bytes));
  }

  @Test
  void shouldCombineStretchesOfAnyLength() {
    byte[] bytes = new byte[5000];
    new Random(2).nextBytes(bytes);
    for (int cut : new int[] {0, 1, 7, 8, 9, 2500, 4999, 5000}) {
      long first = Crc64Nvme.of(Arrays.copyOf(bytes, cut));
      long second = Crc64Nvme.of(Arrays.copyOfRange(bytes, cut, bytes.length));

      assertThat(Crc64Nvme.combine(first, second, bytes.length - cut))
          .as("cut at %s", cut)
          .isEqualTo(Crc64Nvme.of(bytes));
    }
  }

  @Test
  void shouldReadWhatItWrote() {
    assertThat(Crc64Nvme.parse(Crc64Nvme.hex(0xae8b14860a799888L))).isEqualTo(0xae8b14860a799888L);
  }
}
