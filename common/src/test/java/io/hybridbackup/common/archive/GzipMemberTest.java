package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.zip.DataFormatException;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GzipMemberTest {
  private static final byte[] PLAIN = "what a member holds".getBytes(StandardCharsets.US_ASCII);

  private static byte[] gunzipped(byte[] member) throws IOException {
    try (InputStream in = new GZIPInputStream(new ByteArrayInputStream(member))) {
      return in.readAllBytes();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {512, 4096, 65536})
  void shouldHoldTheSameWhateverItIsStretchedBy(int modulus)
      throws IOException, DataFormatException {
    byte[] member = GzipMember.stored(PLAIN, PLAIN.length);

    for (int more = 0; more < modulus; more += modulus > 4096 ? 97 : 1) {
      byte[] stretched = GzipMember.stretched(member, more, modulus);

      assertThat((stretched.length - member.length) % modulus).isEqualTo(more);
      assertThat(stretched.length - member.length).isBetween(0, modulus + 25);
      assertThat(GzipMember.decode(stretched, PLAIN.length)).isEqualTo(PLAIN);
      assertThat(gunzipped(stretched)).isEqualTo(PLAIN);
    }
  }

  @Test
  void shouldNotGrowWhenItIsStretchedNightAfterNight() throws DataFormatException {
    byte[] member = GzipMember.stored(PLAIN, PLAIN.length);
    byte[] stretched = member;

    for (long more = 1; more < 10_000; more += 777) {
      int before = stretched.length;
      stretched = GzipMember.stretched(stretched, more, 4096);

      assertThat(Math.floorMod(stretched.length - before - more, 4096)).isZero();
      assertThat(stretched.length).isLessThan(member.length + 4096 + 25);
      assertThat(GzipMember.decode(stretched, PLAIN.length)).isEqualTo(PLAIN);
    }
  }

  @Test
  void shouldHoldNothingInAnyLength() throws IOException, DataFormatException {
    for (int bytes = GzipMember.LEAST_EMPTY; bytes < 5000; bytes++) {
      byte[] empty = GzipMember.empty(bytes);

      assertThat(empty).hasSize(bytes);
      assertThat(GzipMember.decode(empty, 0)).isEmpty();
      assertThat(gunzipped(empty)).isEmpty();
    }
  }
}
