package io.hybridbackup.common.archive;

import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.Literal;
import io.hybridbackup.common.store.Piece;
import io.hybridbackup.common.store.Slice;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How parts become an archive. Pure: the same input gives the same bytes, whoever composes them.
 */
public final class ArchiveLayout {
  /** The path of the manifest in the archive. */
  public static final EntryPath MANIFEST = EntryPath.of("manifest.json");

  private static final ArchiveEntry.Place NOWHERE = new ArchiveEntry.Place(0, 0);

  private ArchiveLayout() {}

  /**
   * What an archive consists of.
   *
   * @param pieces in their order, fit for {@link io.hybridbackup.common.store.ObjectStore#compose}
   * @param bytes size of the archive
   * @param crc64nvme of the whole archive, 16 hex digits
   */
  public record Composition(List<Piece> pieces, long bytes, String crc64nvme) {}

  /**
   * Lays out an archive.
   *
   * @param manifest at most 2 MiB
   * @param manifestTime the time of the manifest's entry
   * @param parts one or two, of different components, in any order
   * @param blockBytes as {@link io.hybridbackup.common.store.ObjectStore#sharedBlockBytes} says
   * @throws IllegalArgumentException if the parts or the manifest are not such
   */
  public static Composition compose(
      byte[] manifest, Instant manifestTime, List<PartInventory> parts, int blockBytes) {
    check(manifest, parts);
    List<PartInventory> ordered =
        parts.stream().sorted(Comparator.comparing(PartInventory::component)).toList();
    Assembly assembly = new Assembly(blockBytes);

    RootIndex.Range manifestRange = assembly.add(gzip(manifestTar(manifest, manifestTime)));
    List<RootIndex.Range> contents = new ArrayList<>();
    for (PartInventory part : ordered) {
      assembly.align(part.content());
      contents.add(assembly.add(part.content(), part.contentCrc()));
    }
    RootIndex.Range tarEnd = assembly.add(gzip(new byte[2 * TarHeader.BLOCK]));
    List<RootIndex.Part> indexed = new ArrayList<>();
    for (int i = 0; i < ordered.size(); i++) {
      PartInventory part = ordered.get(i);
      indexed.add(
          new RootIndex.Part(
              part.component(),
              contents.get(i),
              assembly.add(part.index(), part.indexCrc()),
              part.sha256(),
              assembly.add(part.lookup())));
    }
    byte[] root = gzip(new RootIndex(RootIndex.VERSION, manifestRange, indexed, tarEnd).toJson());
    byte[] footer = new Footer(root.length, root.length).encode();
    ByteArrayOutputStream end = new ByteArrayOutputStream();
    end.writeBytes(root);
    end.writeBytes(footer);
    assembly.add(end.toByteArray());
    return assembly.finish();
  }

  private static void check(byte[] manifest, List<PartInventory> parts) {
    if (manifest.length > MemberCutter.LONGEST) {
      throw new IllegalArgumentException("a manifest of " + manifest.length + " bytes is too long");
    }
    Set<Component> components = new HashSet<>();
    for (PartInventory part : parts) {
      if (!Component.parts().contains(part.component()) || !components.add(part.component())) {
        throw new IllegalArgumentException("no archive has two parts of " + part.component());
      }
      if (part.content().isEmpty()
          || part.index().isEmpty()
          || part.content().size() != part.contentCrc().size()
          || part.index().size() != part.indexCrc().size()
          || !isWhole(part.lookup())) {
        throw new IllegalArgumentException(
            "the inventory of " + part.component() + " is not whole");
      }
    }
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("an archive has at least one part");
    }
  }

  private static boolean isWhole(PartInventory.@Nullable Lookup lookup) {
    return lookup == null
        || (lookup.pages().size() == lookup.crc().size()
            && lookup.directory().pageBytes()
                == lookup.pages().stream().mapToLong(Slice::bytes).sum());
  }

  private static byte[] manifestTar(byte[] manifest, Instant time) {
    ByteArrayOutputStream blocks = new ByteArrayOutputStream();
    blocks.writeBytes(TarHeader.encode(manifestEntry(manifest, time)));
    blocks.writeBytes(manifest);
    blocks.writeBytes(new byte[TarHeader.padding(manifest.length)]);
    return blocks.toByteArray();
  }

  /** The manifest as an entry, though it is in no part. */
  static ArchiveEntry manifestEntry(byte[] manifest, Instant time) {
    return new ArchiveEntry(
        MANIFEST,
        ArchiveEntry.Type.FILE,
        manifest.length,
        0644,
        0,
        0,
        "",
        "",
        time,
        Sha256.of(manifest, manifest.length),
        null,
        null,
        new TreeMap<>(),
        null,
        null,
        false,
        NOWHERE,
        null);
  }

  /** Stored, as what a deflater makes of it may change with its version. */
  private static byte[] gzip(byte[] plain) {
    return GzipMember.stored(plain, plain.length);
  }

  private static final class Assembly {
    private final List<Piece> pieces = new ArrayList<>();
    private final int blockBytes;
    private long bytes;
    private long crc;

    Assembly(int blockBytes) {
      this.blockBytes = blockBytes;
    }

    /** Adds a member without content, so that blocks of what follows can be shared. */
    void align(List<Slice> following) {
      long before = 0;
      long longest = 0;
      long shift = 0;
      for (Slice slice : following) {
        if (slice.bytes() > longest) {
          longest = slice.bytes();
          shift = slice.offset() - before;
        }
        before += slice.bytes();
      }
      int gap = Math.floorMod(shift - bytes, blockBytes);
      if (gap > 0) {
        RootIndex.Range _ =
            add(GzipMember.empty(gap < GzipMember.LEAST_EMPTY ? gap + blockBytes : gap));
      }
    }

    RootIndex.Range add(byte[] literal) {
      RootIndex.Range range = new RootIndex.Range(bytes, literal.length);
      append(new Literal(literal), Crc64Nvme.of(literal));
      return range;
    }

    RootIndex.Range add(List<Slice> slices, List<String> checksums) {
      long offset = bytes;
      for (int i = 0; i < slices.size(); i++) {
        String checksum = checksums.get(i);
        append(slices.get(i).knownBy(checksum), Crc64Nvme.parse(checksum));
      }
      return new RootIndex.Range(offset, bytes - offset);
    }

    @Nullable LookupDirectory add(PartInventory.@Nullable Lookup lookup) {
      if (lookup == null) {
        return null;
      }
      RootIndex.Range _ = add(lookup.pages(), lookup.crc());
      return lookup.directory();
    }

    private void append(Piece piece, long checksum) {
      crc = pieces.isEmpty() ? checksum : Crc64Nvme.combine(crc, checksum, piece.bytes());
      pieces.add(piece);
      bytes += piece.bytes();
    }

    Composition finish() {
      return new Composition(List.copyOf(pieces), bytes, Crc64Nvme.hex(crc));
    }
  }
}
