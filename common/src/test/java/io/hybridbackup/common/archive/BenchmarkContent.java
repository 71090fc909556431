package io.hybridbackup.common.archive;

import java.nio.charset.StandardCharsets;
import java.util.Random;

/** What benchmarks compress and cut: always the same for the same seed. */
final class BenchmarkContent {
  private static final int WORDS = 4000;

  private BenchmarkContent() {}

  /**
   * @param kind {@code rows}, which look like a table of text in a dump, or {@code random}
   */
  static byte[] of(String kind, int bytes, long seed) {
    Random random = new Random(seed);
    return switch (kind) {
      case "rows" -> rows(bytes, random);
      case "random" -> {
        byte[] content = new byte[bytes];
        random.nextBytes(content);
        yield content;
      }
      default -> throw new IllegalArgumentException("there is no content " + kind);
    };
  }

  private static byte[] rows(int bytes, Random random) {
    String[] words = new String[WORDS];
    Random letters = new Random(WORDS);
    for (int i = 0; i < WORDS; i++) {
      StringBuilder word = new StringBuilder();
      for (int length = 2 + letters.nextInt(9); length > 0; length--) {
        word.append((char) ('a' + Math.min(letters.nextInt(26), letters.nextInt(26))));
      }
      words[i] = word.toString();
    }
    StringBuilder text = new StringBuilder(bytes + 1024);
    for (long id = random.nextInt(1_000_000); text.length() < bytes; id++) {
      text.append(id)
          .append("\t2026-01-11 02:00:00+00\t")
          .append(Long.toHexString(random.nextLong()));
      for (int word = 20 + random.nextInt(80); word > 0; word--) {
        // Some words are much more frequent than others, as in any language.
        int rank = (int) (WORDS * Math.pow(random.nextDouble(), 3));
        text.append(' ').append(words[rank]);
      }
      text.append('\n');
    }
    return text.substring(0, bytes).getBytes(StandardCharsets.ISO_8859_1);
  }
}
