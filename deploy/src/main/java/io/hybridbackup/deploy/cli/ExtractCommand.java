package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.archive.ArchiveCorruptException;
import io.hybridbackup.common.archive.ArchiveFiles;
import io.hybridbackup.common.archive.EscapedPath;
import io.hybridbackup.common.archive.ExtractOptions;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.archive.Selection;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Puts files of an archive into a folder. Asks the object store alone. */
@Command(name = "extract", description = "Put files of an archive into a folder, verified.")
public final class ExtractCommand implements Callable<Integer> {
  @Mixin private ConfigOption config = new ConfigOption();

  @Mixin private ArchiveOption archive = new ArchiveOption();

  @Parameters(index = "1..*", paramLabel = "GLOB", description = Names.GLOBS)
  private List<String> globs = List.of();

  @Option(
      names = "--to",
      required = true,
      paramLabel = "DIR",
      description = "A folder that is empty, or does not exist yet.")
  private Path folder = Path.of("");

  @Option(
      names = "--no-owner",
      description = "Let everything belong to who extracts it; so it does unless that is root.")
  private boolean noOwner;

  @Option(names = "--device-nodes", description = "Make device nodes too; needs root.")
  private boolean deviceNodes;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException {
    Selection selection = Names.selection(spec, globs);
    ExtractOptions options =
        new ExtractOptions(NativeTools.isRoot() && !noOwner, NativeTools.isRoot() && deviceNodes);
    Extracted extracted;
    List<String> warnings;
    Catalogue.Entry found;
    try (ObjectStore store = ObjectStores.open(config.read().objectStore());
        Progress progress = Progress.onStandardError()) {
      found = archive.find(new Catalogue(store));
      extracted = new Extracted(progress, globs.isEmpty() ? found.unpackedBytes() : null);
      warnings =
          ArchiveFiles.open(store, found.object()).extract(selection, folder, options, extracted);
    } catch (IOException e) {
      throw failure(e);
    }
    warnings.forEach(warning -> System.err.println("warning: " + EscapedPath.printable(warning)));
    if (!selection.unmatched().isEmpty()) {
      throw Names.nothingMatched(selection, found);
    }
    System.out.println(
        "extracted: "
            + Amounts.count(extracted.files)
            + (extracted.files == 1 ? " file, " : " files, ")
            + Amounts.bytes(extracted.bytes)
            + ", to "
            + folder);
    return ExitCode.SUCCESS.code();
  }

  private CommandException failure(IOException e) {
    return switch (e) {
      case DirectoryNotEmptyException notEmpty ->
          new CommandException(
              ExitCode.USAGE,
              folder + " is not empty; give a folder that is, or one that does not exist yet",
              e);
      case FileAlreadyExistsException file ->
          new CommandException(
              ExitCode.USAGE, folder + " is no folder; give one, or a name that is free", e);
      case ArchiveCorruptException damaged ->
          new CommandException(
              ExitCode.RUN_FAILED,
              EscapedPath.printable(String.valueOf(damaged.getMessage()))
                  + ". What is in "
                  + folder
                  + " is not all",
              e);
      default ->
          new CommandException(
              ExitCode.RUN_FAILED,
              "could not extract to "
                  + folder
                  + ": "
                  + EscapedPath.printable(e.toString())
                  + "; mend that, remove what is there, and extract again",
              e);
    };
  }

  /** Counts what is there already, and shows it now and then. */
  private static final class Extracted implements ProgressListener {
    private static final Duration INTERVAL = Duration.ofMillis(200);

    private final Progress progress;
    private final @Nullable Long bytesTotal;
    private long lastShown = System.nanoTime();
    private long bytes;
    private long files;

    Extracted(Progress progress, @Nullable Long bytesTotal) {
      this.progress = progress;
      this.bytesTotal = bytesTotal;
    }

    @Override
    public void advanced(long moreBytes, long moreFiles) {
      bytes += moreBytes;
      files += moreFiles;
      long now = System.nanoTime();
      if (now - lastShown >= INTERVAL.toNanos()) {
        lastShown = now;
        progress.show("archive", "extracting", bytes, bytesTotal, files);
      }
    }
  }
}
