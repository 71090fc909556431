package io.hybridbackup.common.settings;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.identity.TargetName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Notes the folders that must not lie in each other: a restore moves away whatever is in its
 * target's folder, and a backup takes whatever is in its source's.
 */
final class SeparateFolders {
  private final Section root;

  /** Folders of the product itself, by the property that names them. */
  private final Map<String, Path> own = new LinkedHashMap<>();

  SeparateFolders(Section root, Settings settings) {
    this.root = root;
    own.put("data-directory", real(settings.dataDirectory()));
    if (settings.objectStore() instanceof Settings.FilesystemStore store
        && root.section("object-store").text("directory").isPresent()) {
      own.put("object-store.directory", real(store.directory()));
    }
  }

  void check(Settings settings) {
    Map<String, Path> others = new LinkedHashMap<>(own);
    settings.targets().forEach((name, target) -> check(name, target.media(), others));
    settings.sources().forEach((name, source) -> check(name, source.media()));
  }

  /** A target is compared with what is there already, and is there for the next. */
  private void check(TargetName name, Settings.@Nullable Media media, Map<String, Path> others) {
    if (media == null || !media.location().isAbsolute()) {
      return;
    }
    Path folder = real(media.location().normalize());
    others.forEach((property, other) -> {
      if (folder.startsWith(other) || other.startsWith(folder)) {
        note(
            "targets",
            name.value(),
            relation(folder, other) + property + " (" + other + "), which a restore would replace",
            "let the two be folders that do not lie in each other");
      }
    });
    others.put("targets." + name.value() + ".media.location", folder);
  }

  private void check(SourceName name, Settings.@Nullable Media media) {
    if (media == null || !media.location().isAbsolute()) {
      return;
    }
    Path folder = real(media.location().normalize());
    own.forEach((property, other) -> {
      if (other.startsWith(folder) && !isExcluded(folder.relativize(other), media)) {
        note(
            "sources",
            name.value(),
            relation(folder, other) + property + " (" + other + "), which would back itself up",
            other.equals(folder)
                ? "let them be two folders"
                : "move that elsewhere, or exclude it: \"/" + folder.relativize(other) + "/\"");
      }
    });
  }

  /** Only by a pattern that says so in plain words. */
  private static boolean isExcluded(Path relative, Settings.Media media) {
    for (Path path = relative; path != null; path = path.getParent()) {
      if (media.exclude().contains("/" + path) || media.exclude().contains("/" + path + "/")) {
        return true;
      }
    }
    return false;
  }

  private static String relation(Path folder, Path other) {
    String what = "'" + folder + "' ";
    if (folder.equals(other)) {
      return what + "is the folder of ";
    }
    return what + (other.startsWith(folder) ? "holds " : "lies in ");
  }

  private void note(String kind, String name, String problem, String remedy) {
    root.section(kind).section(name).section("media").note("location", problem, remedy);
  }

  /** Without symbolic links, as far as the path exists. */
  private static Path real(Path path) {
    Path parent = path.getParent();
    try {
      return Files.exists(path) || parent == null
          ? path.toRealPath()
          : real(parent).resolve(String.valueOf(path.getFileName()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
