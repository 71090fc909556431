package io.hybridbackup.common.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReopeningInputStreamTest {
  private static final byte[] OBJECT = new byte[1000];
  private static final Slice SLICE = new Slice(ObjectKey.of("object"), "etag", 100, 800);

  static {
    for (int i = 0; i < OBJECT.length; i++) {
      OBJECT[i] = (byte) i;
    }
  }

  private final List<Slice> opened = new ArrayList<>();

  @Test
  void shouldAskForWhatIsLeftWhenTheConnectionBreaksOff() throws IOException {
    // given a store whose answers break off after 300 bytes
    try (InputStream in = new ReopeningInputStream(SLICE, slice -> breakingOff(slice, 300))) {
      // when
      byte[] read = in.readAllBytes();

      // then
      assertThat(read).isEqualTo(Arrays.copyOfRange(OBJECT, 100, 900));
      assertThat(opened).extracting(Slice::offset).containsExactly(100L, 400L, 700L);
      assertThat(opened).extracting(slice -> slice.offset() + slice.bytes()).containsOnly(900L);
      assertThat(opened).extracting(Slice::etag).containsOnly("etag");
    }
  }

  @Test
  void shouldGiveUpWhenNothingComesAnyMore() throws IOException {
    try (InputStream in = new ReopeningInputStream(SLICE, slice -> breakingOff(slice, 0))) {
      assertThatThrownBy(in::read).isInstanceOf(IOException.class).hasMessage("reset");
      assertThat(opened).hasSize(4);
    }
  }

  @Test
  void shouldNotTryAgainWhenItIsInterrupted() throws IOException {
    InputStream interrupted =
        new FilterInputStream(InputStream.nullInputStream()) {
          @Override
          public int read(byte[] bytes, int offset, int length) throws IOException {
            throw new InterruptedIOException("stopped");
          }
        };
    try (InputStream in =
        new ReopeningInputStream(
            SLICE,
            slice -> {
              opened.add(slice);
              return interrupted;
            })) {
      assertThatThrownBy(in::read).isInstanceOf(InterruptedIOException.class);
      assertThat(opened).hasSize(1);
    }
  }

  private InputStream breakingOff(Slice slice, int after) {
    opened.add(slice);
    InputStream whole = new ByteArrayInputStream(OBJECT, (int) slice.offset(), (int) slice.bytes());
    return new ExactInputStream(whole, slice) {
      private int given;

      @Override
      public int read(byte[] bytes, int offset, int length) throws IOException {
        if (given >= after && remaining() > 0) {
          throw new IOException("reset");
        }
        int read = super.read(bytes, offset, Math.min(length, after - given));
        given += Math.max(0, read);
        return read;
      }
    };
  }
}
