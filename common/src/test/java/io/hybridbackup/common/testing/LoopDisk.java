package io.hybridbackup.common.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A filesystem of a certain type on a disk of its own, unmounted when it is closed. */
public record LoopDisk(Path folder) implements AutoCloseable {
  private static final int BYTES = 512 << 20;

  /** Whether a program has done what it should, and what it printed. */
  private record Ran(boolean well, String output) {
    static Ran program(String... command) throws IOException {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      process.getOutputStream().close();
      try (InputStream in = process.getInputStream()) {
        String output = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        return new Ran(process.waitFor() == 0, output);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError("interrupted", e);
      }
    }
  }

  /**
   * Makes the filesystem and mounts it; the test is left out where that cannot be done.
   *
   * @param folder in which it is kept and mounted
   * @param type such as {@code xfs}
   */
  public static LoopDisk mount(Path folder, String type) throws IOException {
    assumeTrue(Commands.root(), "only root can mount a disk");
    Path image = folder.resolve(type + ".img");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(BYTES);
    }
    Path program = Path.of("/usr/sbin/mkfs." + type);
    assumeTrue(Files.exists(program), program + " is not installed");
    Ran made = Ran.program(program.toString(), "-q", image.toString());
    assertThat(made.well()).as(made.output()).isTrue();
    Path mounted = Files.createDirectory(folder.resolve(type));
    Ran mount = Ran.program("mount", "-o", "loop", image.toString(), mounted.toString());
    assumeTrue(mount.well(), "no " + type + " can be mounted here: " + mount.output());
    return new LoopDisk(mounted);
  }

  /** What is in use of it, in bytes. */
  public long used() throws IOException {
    assertThat(Ran.program("sync", "-f", folder.toString()).well()).isTrue();
    var store = Files.getFileStore(folder);
    return store.getTotalSpace() - store.getUnallocatedSpace();
  }

  @Override
  public void close() throws IOException {
    Ran unmounted = Ran.program("umount", folder.toString());
    assertThat(unmounted.well()).as(unmounted.output()).isTrue();
  }
}
