package io.hybridbackup.common.testing;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Runs native programs as an administrator would at a prompt. */
public final class Commands {
  private Commands() {}

  /** What the program prints; the test fails unless it exits with 0. */
  public static String run(String... command) {
    return run(Map.of(), List.of(command));
  }

  /** As {@link #run(String...)}, with more environment. */
  public static String run(Map<String, String> environment, List<String> command) {
    Path errors = null;
    try {
      errors = Files.createTempFile("errors", ".txt");
      ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
      builder.environment().put("LC_ALL", "C.UTF-8");
      builder.environment().putAll(environment);
      Process process = builder.start();
      process.getOutputStream().close();
      String output;
      try (InputStream in = process.getInputStream()) {
        output = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      }
      int code = process.waitFor();
      if (code != 0) {
        throw new AssertionError(
            "%s ended with exit code %d: %s%s"
                .formatted(command, code, output, Files.readString(errors)));
      }
      return output;
    } catch (IOException e) {
      throw new AssertionError("cannot run " + command.getFirst() + "; install it to test", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    } finally {
      delete(errors);
    }
  }

  /** Whether the tests may do what only root may. */
  public static boolean root() {
    return "root".equals(System.getProperty("user.name"));
  }

  private static void delete(@Nullable Path file) {
    if (file != null) {
      boolean _ = file.toFile().delete();
    }
  }
}
