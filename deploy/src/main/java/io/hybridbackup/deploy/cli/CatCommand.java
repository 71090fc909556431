package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.ArchiveEntry;
import io.hybridbackup.common.archive.ArchiveFiles;
import io.hybridbackup.common.archive.EntryPath;
import io.hybridbackup.common.archive.EscapedPath;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints one file out of an archive. Reads little more of the archive than that file. */
@Command(name = "cat", description = "Print a file of an archive, verified.")
public final class CatCommand implements Callable<Integer> {
  @Mixin private ConfigOption config = new ConfigOption();

  @Mixin private ArchiveOption archive = new ArchiveOption();

  @Parameters(index = "1", paramLabel = "PATH", description = "As hybrid-backup files prints it.")
  private String path = "";

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    EntryPath wanted = Names.path(spec, path);
    OutputStream out = StandardOutput.open();
    try (ObjectStore store = ObjectStores.open(config.read().objectStore())) {
      Catalogue.Entry found = archive.find(new Catalogue(store));
      ArchiveFiles files = ArchiveFiles.open(store, found.object());
      ArchiveEntry entry =
          files.copy(wanted, out).orElseThrow(() -> absent(found, nearest(files, wanted)));
      if (entry.type() != ArchiveEntry.Type.FILE) {
        throw new CommandException(ExitCode.USAGE, path + explain(entry));
      }
      out.flush();
      return ExitCode.SUCCESS.code();
    } catch (IOException e) {
      throw CommandException.reading(e);
    }
  }

  private static List<EntryPath> nearest(ArchiveFiles files, EntryPath wanted) {
    try {
      return files.nearest(wanted);
    } catch (IOException e) {
      return List.of();
    }
  }

  private CommandException absent(Catalogue.Entry found, List<EntryPath> nearest) {
    String hint =
        nearest.isEmpty()
            ? "hybrid-backup files lists what there is"
            : "did you mean "
                + nearest.stream().map(CatCommand::shown).collect(Collectors.joining(" or "))
                + "?";
    return new CommandException(
        ExitCode.NOTHING_FOUND, "there is no " + path + " in " + found.archive() + "; " + hint);
  }

  private static String explain(ArchiveEntry entry) {
    return switch (entry.type()) {
      case FOLDER -> " is a folder; hybrid-backup files lists it, extract brings it back";
      case SYMLINK -> " is a symbolic link to " + target(entry);
      default -> " is no file, but a fifo or a device: it has no content";
    };
  }

  private static String target(ArchiveEntry link) {
    EntryPath target = link.target();
    if (target == null) {
      return "nothing";
    }
    EntryPath archived = inArchive(link.path(), target);
    return shown(target)
        + (archived == null
            ? ", which is outside of the archive"
            : "; in the archive that would be " + shown(archived));
  }

  /** Where in the archive a link leads, or null if it leads out of it. */
  private static @Nullable EntryPath inArchive(EntryPath link, EntryPath target) {
    if (target.octets().startsWith("/")) {
      return null;
    }
    Deque<String> segments = new ArrayDeque<>(List.of(link.octets().split("/", -1)));
    segments.removeLast();
    for (String segment : target.octets().split("/", -1)) {
      if (segment.equals("..")) {
        segments.pollLast();
      } else if (!segment.isEmpty() && !segment.equals(".")) {
        segments.add(segment);
      }
    }
    return Manifest.STORAGE.equals(segments.peekFirst() + "/")
        ? new EntryPath(String.join("/", segments))
        : null;
  }

  private static String shown(EntryPath path) {
    return EscapedPath.of(path, System.err.charset());
  }
}
