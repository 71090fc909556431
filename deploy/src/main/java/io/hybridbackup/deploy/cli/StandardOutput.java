package io.hybridbackup.deploy.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Standard output, as the bytes that are written to it. A {@link java.io.PrintStream} would hide
 * that they go nowhere.
 */
final class StandardOutput extends OutputStream {
  private static final int BUFFER_BYTES = 1 << 16;

  private final FileOutputStream output = new FileOutputStream(FileDescriptor.out);

  private StandardOutput() {}

  /**
   * Must be flushed at the end; need not be closed. Where it cannot be written to, it throws a
   * {@link CommandException}.
   */
  static OutputStream open() {
    return new BufferedOutputStream(new StandardOutput(), BUFFER_BYTES);
  }

  @Override
  public void write(int octet) {
    write(new byte[] {(byte) octet}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) {
    try {
      output.write(bytes, offset, length);
    } catch (IOException e) {
      throw isPipe()
          ? new CommandException(ExitCode.OUTPUT_CLOSED, "nobody reads the output any more", e)
          : new CommandException(
              ExitCode.RUN_FAILED, "could not write the output: " + e.getMessage(), e);
    }
  }

  /** The error's own text is in the user's language; but a pipe fails for no other reason. */
  private static boolean isPipe() {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/1"))
          .toString()
          .matches("(pipe|socket):.*");
    } catch (IOException e) {
      return false;
    }
  }
}
