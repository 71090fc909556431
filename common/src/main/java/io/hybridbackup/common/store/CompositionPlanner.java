package io.hybridbackup.common.store;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Decides how a list of pieces becomes the parts of a multipart upload. Long slices become parts
 * that the store copies by itself. Short ones and literals travel through this process, together
 * with their neighbours, for a part other than the last may not be short; the head of a long slice
 * helps out where they are not enough.
 */
final class CompositionPlanner {
  private static final long MIB = 1L << 20;

  /** The limits that S3 documents: parts of 5 MiB to 5 GiB, the last of any size, 10,000 parts. */
  static final Limits S3 = new Limits(5 * MIB, 5L << 30, 10_000, 512 * MIB);

  /**
   * @param shortest part other than the last, in bytes
   * @param longest part, in bytes; at least four times the shortest
   * @param parts at most
   * @param copied length of a copied part, where nothing speaks against it: several shorter ones
   *     are copied at the same time
   */
  record Limits(long shortest, long longest, int parts, long copied) {
    Limits {
      if (shortest < 1
          || longest < 4 * shortest
          || parts < 1
          || copied < 2 * shortest
          || copied > longest) {
        throw new IllegalArgumentException("limits that leave no room to plan");
      }
    }
  }

  /** One part of the upload. */
  sealed interface Part {
    long bytes();
  }

  /** The store copies the range. */
  record Copied(Slice slice) implements Part {
    @Override
    public long bytes() {
      return slice.bytes();
    }
  }

  /** The pieces are read and sent as one body. */
  record Stitched(List<Piece> pieces) implements Part {
    Stitched {
      pieces = List.copyOf(pieces);
    }

    @Override
    public long bytes() {
      return total(pieces);
    }
  }

  private final Limits limits;

  CompositionPlanner(Limits limits) {
    this.limits = limits;
  }

  /** Copies what can be copied. */
  List<Part> plan(List<Piece> pieces) {
    List<Piece> merged = merge(pieces);
    checkFits(merged);
    long copied =
        Math.clamp(total(merged) / Math.max(1, limits.parts / 2), limits.copied, limits.longest);
    // Each round sends slices through this process that the round before still copied, because many
    // short copies between many short stitches can be too many parts.
    for (long copyFrom = limits.shortest; copyFrom <= limits.longest / 4; copyFrom *= 2) {
      List<Part> parts = new Round(copyFrom, copied).plan(merged);
      if (parts.size() <= limits.parts) {
        return parts;
      }
    }
    return planWithoutCopying(merged);
  }

  /** For stores that cannot copy ranges: parts of equal length, which some stores insist on. */
  List<Part> planWithoutCopying(List<Piece> pieces) {
    checkFits(pieces);
    long length = Math.max(2 * limits.shortest, Math.ceilDiv(total(pieces), limits.parts));
    Stitching stitching = new Stitching(length);
    pieces.forEach(stitching::add);
    stitching.end();
    return stitching.parts;
  }

  static long total(List<Piece> pieces) {
    return pieces.stream().mapToLong(Piece::bytes).sum();
  }

  private void checkFits(List<Piece> pieces) {
    if (pieces.isEmpty()) {
      throw new IllegalArgumentException("nothing to compose an object of");
    }
    if (total(pieces) > limits.longest * limits.parts) {
      throw new IllegalArgumentException(
          "an object of " + total(pieces) + " bytes is larger than the store keeps");
    }
  }

  /** Slices that continue one another are one. */
  private static List<Piece> merge(List<Piece> pieces) {
    List<Piece> merged = new ArrayList<>();
    for (Piece piece : pieces) {
      if (piece instanceof Slice next
          && !merged.isEmpty()
          && merged.getLast() instanceof Slice last
          && last.object().equals(next.object())
          && last.etag().equals(next.etag())
          && last.offset() + last.bytes() == next.offset()) {
        merged.set(
            merged.size() - 1,
            new Slice(last.object(), last.etag(), last.offset(), last.bytes() + next.bytes()));
      } else {
        merged.add(piece);
      }
    }
    return merged;
  }

  private static Piece cut(Piece piece, long offset, long bytes) {
    return switch (piece) {
      case Slice slice -> cut(slice, offset, bytes);
      case Literal literal ->
          new Literal(Arrays.copyOfRange(literal.content(), (int) offset, (int) (offset + bytes)));
    };
  }

  private static Slice cut(Slice slice, long offset, long bytes) {
    return new Slice(slice.object(), slice.etag(), slice.offset() + offset, bytes);
  }

  /** Fills stitched parts of one length. */
  private static class Stitching {
    final List<Part> parts = new ArrayList<>();
    private final long length;
    private final List<Piece> pending = new ArrayList<>();
    private long pendingBytes;

    Stitching(long length) {
      this.length = length;
    }

    final void add(Piece piece) {
      for (long at = 0; at < piece.bytes(); ) {
        long bytes = Math.min(piece.bytes() - at, length - pendingBytes);
        pending.add(cut(piece, at, bytes));
        pendingBytes += bytes;
        at += bytes;
        if (pendingBytes == length) {
          end();
        }
      }
    }

    final long pendingBytes() {
      return pendingBytes;
    }

    final void end() {
      if (!pending.isEmpty()) {
        parts.add(new Stitched(pending));
        pending.clear();
        pendingBytes = 0;
      }
    }
  }

  /** One attempt, which copies slices from a certain length on. */
  private final class Round {
    private final long copyFrom;
    private final long copied;
    private final Stitching stitching;

    Round(long copyFrom, long copied) {
      this.copyFrom = copyFrom;
      this.copied = copied;
      this.stitching = new Stitching(3 * copyFrom);
    }

    List<Part> plan(List<Piece> pieces) {
      for (Piece piece : pieces) {
        if (piece instanceof Slice slice && slice.bytes() >= copyFrom) {
          addLong(slice);
        } else {
          stitching.add(piece);
        }
      }
      stitching.end();
      return stitching.parts;
    }

    private void addLong(Slice slice) {
      long pending = stitching.pendingBytes();
      long borrowed = pending == 0 ? 0 : Math.max(0, limits.shortest - pending);
      long rest = slice.bytes() - borrowed;
      if (rest < limits.shortest) {
        stitching.add(slice);
        return;
      }
      if (borrowed > 0) {
        stitching.add(cut(slice, 0, borrowed));
      }
      stitching.end();
      long count = Math.ceilDiv(rest, copied);
      long at = borrowed;
      for (long part = 0; part < count; part++) {
        long end = borrowed + rest * (part + 1) / count;
        stitching.parts.add(new Copied(cut(slice, at, end - at)));
        at = end;
      }
    }
  }
}
