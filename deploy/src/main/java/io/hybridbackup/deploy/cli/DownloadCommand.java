package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.manifest.ArchiveManifest;
import io.hybridbackup.common.manifest.UnreadableManifestException;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.store.StoreException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Brings an archive and its manifest out of the store. Asks the object store alone. */
@Command(
    name = "download",
    description = "Download an archive and its manifest; goes on where it was interrupted.")
public final class DownloadCommand implements Callable<Integer> {
  private static final String ARCHIVE = ".tar.gz";
  private static final String MANIFEST = ".manifest.json";

  @Mixin private ConfigOption config = new ConfigOption();

  @Mixin private ArchiveOption archive = new ArchiveOption();

  @Option(
      names = "--to",
      paramLabel = "FILE",
      description = "A file that does not exist yet, or a folder; else the archive's own name.")
  private @Nullable Path to;

  @Override
  public Integer call() throws SettingsException {
    try (ObjectStore store = ObjectStores.open(config.read().objectStore())) {
      Catalogue.Entry found = archive.find(new Catalogue(store));
      byte[] manifest =
          store
              .read(found.manifestKey())
              .orElseThrow(() -> new StoreException.Missing(found.manifestKey()));
      ArchiveManifest.Archive expected = parse(found, manifest);
      Path file = file(found);
      Path manifestFile = manifestBeside(file);
      refuseToOverwrite(file, manifestFile, manifest);
      download(store, found, expected, file, manifestFile, manifest);
      System.out.println(
          "downloaded: "
              + file
              + ", "
              + Amounts.bytes(expected.bytes())
              + ", as its manifest says\nmanifest: "
              + manifestFile);
      return ExitCode.SUCCESS.code();
    }
  }

  private static ArchiveManifest.Archive parse(Catalogue.Entry found, byte[] manifest) {
    try {
      ArchiveManifest.Archive archive = ArchiveManifest.parse(manifest).archive();
      if (archive.bytes() != found.object().bytes()) {
        throw new CommandException(
            ExitCode.RUN_FAILED,
            found.object().key()
                + " has "
                + found.object().bytes()
                + " bytes, and its manifest says "
                + archive.bytes()
                + ": it is damaged. Use another archive, and check the store");
      }
      return archive;
    } catch (UnreadableManifestException e) {
      throw new CommandException(
          ExitCode.RUN_FAILED, found.manifestKey() + ": " + e.getMessage(), e);
    }
  }

  private Path file(Catalogue.Entry found) {
    Path name = Path.of(found.archive() + ARCHIVE);
    if (to == null) {
      return name;
    }
    return Files.isDirectory(to) ? to.resolve(name) : to;
  }

  private static Path manifestBeside(Path file) {
    String name = String.valueOf(file.getFileName());
    String stem =
        name.endsWith(ARCHIVE) ? name.substring(0, name.length() - ARCHIVE.length()) : name;
    return file.resolveSibling(stem + MANIFEST);
  }

  private static void refuseToOverwrite(Path file, Path manifestFile, byte[] manifest) {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new CommandException(
          ExitCode.USAGE, "there is no folder " + folder + "; make it, or name another file");
    }
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new CommandException(ExitCode.USAGE, file + " exists; move it away, or name another");
    }
    try {
      if (Files.exists(manifestFile, LinkOption.NOFOLLOW_LINKS)
          && !Arrays.equals(Files.readAllBytes(manifestFile), manifest)) {
        throw new CommandException(
            ExitCode.USAGE,
            manifestFile + " is not this archive's manifest; move it away, or name another file");
      }
    } catch (IOException e) {
      throw new CommandException(ExitCode.RUN_FAILED, "could not read " + manifestFile, e);
    }
  }

  private static void download(
      ObjectStore store,
      Catalogue.Entry found,
      ArchiveManifest.Archive expected,
      Path file,
      Path manifestFile,
      byte[] manifest) {
    Thread farewell =
        Thread.ofPlatform()
            .unstarted(() ->
                System.err.println("\nThe same command goes on where it has been interrupted."));
    Runtime.getRuntime().addShutdownHook(farewell);
    try (Progress progress = Progress.onStandardError()) {
      new Download(store, found.object(), file, progress)
          .run(crc64nvme -> {
            if (!crc64nvme.equals(expected.crc64nvme())) {
              throw new CommandException(
                  ExitCode.RUN_FAILED,
                  "what was downloaded has the CRC64NVME "
                      + crc64nvme
                      + ", and the manifest says "
                      + expected.crc64nvme()
                      + ": the archive is damaged, and what came of it is deleted. Download it"
                      + " again, or use another archive");
            }
            // One that is there already has been compared.
            if (!Files.exists(manifestFile, LinkOption.NOFOLLOW_LINKS)) {
              Download.writeNew(manifestFile, manifest);
            }
          });
    } finally {
      Runtime.getRuntime().removeShutdownHook(farewell);
    }
  }
}
