package io.hybridbackup.common.settings;

import io.hybridbackup.common.settings.SettingsException.Mistake;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The secret files that a program reads: each program is given only those that it needs. */
public enum Secret {
  OBJECT_STORE,
  SOURCE_DATABASES,
  TARGET_DATABASES;

  /**
   * Makes sure that the files which hold these secrets can be read and are not empty.
   *
   * @param file the configuration file, for the message
   * @throws SettingsException naming every file that cannot be used
   */
  public static void check(Path file, Settings settings, Collection<Secret> secrets)
      throws SettingsException {
    List<Mistake> mistakes = new ArrayList<>();
    if (secrets.contains(OBJECT_STORE) && settings.objectStore() instanceof Settings.S3Store s3) {
      check("hybrid-backup.object-store.s3.secret-key-file", s3.secretKeyFile(), mistakes);
    }
    if (secrets.contains(SOURCE_DATABASES)) {
      settings
          .sources()
          .forEach((name, source) -> check("sources." + name, source.database(), mistakes));
    }
    if (secrets.contains(TARGET_DATABASES)) {
      settings
          .targets()
          .forEach((name, target) -> check("targets." + name, target.database(), mistakes));
    }
    if (!mistakes.isEmpty()) {
      throw new SettingsException(file.toString(), mistakes);
    }
  }

  private static void check(
      String owner, Settings.@Nullable Database database, List<Mistake> mistakes) {
    if (database != null) {
      check(
          "hybrid-backup." + owner + ".database.password-file", database.passwordFile(), mistakes);
    }
  }

  private static void check(String property, @Nullable Path file, List<Mistake> mistakes) {
    if (file == null) {
      return;
    }
    if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
      mistakes.add(
          new Mistake(
              property,
              null,
              file + " cannot be read by the user " + System.getProperty("user.name"),
              "make it a file which that user may read, or name another"));
    } else if (firstLine(file).isBlank()) {
      mistakes.add(
          new Mistake(property, null, file + " is empty", "write the secret on its first line"));
    }
  }

  private static String firstLine(Path file) {
    try (var lines = Files.lines(file, StandardCharsets.ISO_8859_1)) {
      return lines.findFirst().orElse("");
    } catch (IOException e) {
      return "";
    }
  }
}
