package io.hybridbackup.mediasync;

import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.EscapedPath;
import io.hybridbackup.common.archive.MediaPart;
import io.hybridbackup.common.archive.TreePaths;
import io.hybridbackup.common.job.MediaReferences;
import io.hybridbackup.common.manifest.References;
import io.hybridbackup.common.store.ObjectStore;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/**
 * The paths that the database's rows refer to, looked up in what has been staged. They are read one
 * by one each time, so that it does not matter how many they are.
 */
final class ReferencedFiles implements MediaPart.Missing {
  private static final int BUFFER_BYTES = 64 * 1024;

  private final ObjectStore store;
  private final MediaReferences listed;
  private final EntryPath location;
  private final Path tree;

  /**
   * @param location of the media: a row may give the whole path
   * @param tree is what will be packed, and does not change any more
   */
  ReferencedFiles(ObjectStore store, MediaReferences listed, Path location, Path tree) {
    this.store = store;
    this.listed = listed;
    this.location = EntryPath.of(location);
    this.tree = tree;
  }

  /** How many are missing. */
  References count() throws IOException {
    long[] missing = {0};
    List<String> named = new ArrayList<>();
    tell(path -> {
      missing[0]++;
      if (named.size() < References.NAMED) {
        named.add(EscapedPath.brief(path));
      }
    });
    return new References(listed.count(), missing[0], named);
  }

  @Override
  public void tell(Listener listener) throws IOException {
    TreePaths staged = new TreePaths(tree);
    try (InputStream stored = store.open(listed.list());
        DataInputStream list =
            new DataInputStream(
                new BufferedInputStream(new GZIPInputStream(stored, BUFFER_BYTES), BUFFER_BYTES))) {
      for (long n = 0; n < listed.count(); n++) {
        byte[] path = new byte[list.readInt()];
        list.readFully(path);
        EntryPath below = below(location, EntryPath.of(path));
        boolean possible = path.length <= EntryPath.LONGEST;
        if (!below.octets().isEmpty() && !(possible && staged.has(below))) {
          listener.path(below);
        }
      }
    }
  }

  /**
   * What a row means, relative to the location: beginning there or at the root, with or without
   * what makes no difference. Empty for the location itself.
   */
  static EntryPath below(EntryPath location, EntryPath referenced) {
    String octets = referenced.octets();
    String absolute = location.octets() + "/";
    if ((octets + "/").startsWith(absolute)) {
      octets = octets.substring(Math.min(absolute.length(), octets.length()));
    }
    StringBuilder below = new StringBuilder();
    for (String name : octets.split("/", -1)) {
      if (!name.isEmpty() && !name.equals(".")) {
        below.append(below.isEmpty() ? "" : "/").append(name);
      }
    }
    return new EntryPath(below.toString());
  }
}
