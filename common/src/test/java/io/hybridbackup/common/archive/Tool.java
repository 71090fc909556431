package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** Runs real programs; a missing one fails the test. */
final class Tool {
  private Tool() {}

  /** What the program prints, both streams; fails unless it exits with 0. */
  static String run(Path folder, List<String> command) {
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
    builder.environment().put("LC_ALL", "C.UTF-8");
    try {
      Process process = builder.start();
      process.getOutputStream().close();
      String output;
      try (InputStream in = process.getInputStream()) {
        output = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      }
      assertThat(process.waitFor()).as("%s printed %s", command, output).isZero();
      return output;
    } catch (IOException e) {
      throw new AssertionError("cannot run " + command.getFirst() + "; install it to test", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  static String run(Path folder, String... command) {
    return run(folder, List.of(command));
  }

  static boolean root() {
    return "root".equals(System.getProperty("user.name"));
  }
}
