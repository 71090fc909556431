package io.hybridbackup.common.archive;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Paths that look like one that is not there: of the same name in another folder, or with a few
 * letters mistaken. Remembers only the best.
 */
final class NearestPaths {
  private static final int KEPT = 3;
  private static final int MISTAKES = 3;
  private static final int ELSEWHERE = MISTAKES + 1;

  private final String wanted;
  private final String wantedName;
  private final List<Near> best = new ArrayList<>();

  private record Near(EntryPath path, int distance) {}

  NearestPaths(EntryPath wanted) {
    this.wanted = wanted.octets().toLowerCase(Locale.ROOT);
    this.wantedName = name(this.wanted);
  }

  void consider(EntryPath path) {
    String octets = path.octets().toLowerCase(Locale.ROOT);
    int distance = distance(octets, wanted);
    if (distance > MISTAKES && name(octets).equals(wantedName)) {
      distance = ELSEWHERE;
    }
    if (distance > ELSEWHERE) {
      return;
    }
    best.add(new Near(path, distance));
    best.sort(Comparator.comparingInt(Near::distance));
    if (best.size() > KEPT) {
      best.removeLast();
    }
  }

  /** The best, the likeliest first. */
  List<EntryPath> found() {
    return best.stream().map(Near::path).toList();
  }

  private static String name(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  /**
   * How many octets have to be put in, left out or replaced (Levenshtein); any number above {@link
   * #MISTAKES} if it is more than those.
   */
  static int distance(String one, String other) {
    if (Math.abs(one.length() - other.length()) > MISTAKES) {
      return Integer.MAX_VALUE;
    }
    int begin = 0;
    int end = one.length();
    int otherEnd = other.length();
    while (begin < Math.min(end, otherEnd) && one.charAt(begin) == other.charAt(begin)) {
      begin++;
    }
    while (Math.min(end, otherEnd) > begin && one.charAt(end - 1) == other.charAt(otherEnd - 1)) {
      end--;
      otherEnd--;
    }
    int[] above = new int[otherEnd - begin + 1];
    for (int column = 0; column < above.length; column++) {
      above[column] = column;
    }
    for (int row = 1; row <= end - begin; row++) {
      int[] line = new int[above.length];
      line[0] = row;
      int least = row;
      for (int column = 1; column < line.length; column++) {
        boolean equal = one.charAt(begin + row - 1) == other.charAt(begin + column - 1);
        line[column] =
            Math.min(
                above[column - 1] + (equal ? 0 : 1), Math.min(above[column], line[column - 1]) + 1);
        least = Math.min(least, line[column]);
      }
      if (least > MISTAKES) {
        return Integer.MAX_VALUE;
      }
      above = line;
    }
    return above[above.length - 1];
  }
}
