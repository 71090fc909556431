package io.hybridbackup.packager;

import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.process.ToolCommand;
import io.hybridbackup.common.process.ToolException;
import io.hybridbackup.common.settings.Settings;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Finds out which version of the application a source was at. */
final class ApplicationVersion {
  /** It takes milliseconds, unless the disk that it is on does not answer. */
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final Settings settings;
  private final NativeTools tools;
  private final Duration limit;

  ApplicationVersion(Settings settings, NativeTools tools) {
    this(settings, tools, LIMIT);
  }

  /**
   * @param limit how long git may take
   */
  ApplicationVersion(Settings settings, NativeTools tools, Duration limit) {
    this.settings = settings;
    this.tools = tools;
    this.limit = limit;
  }

  /**
   * The version; empty if none is configured or it cannot be found out.
   *
   * @param warnings is told why it could not
   */
  Optional<String> find(String source, List<String> warnings) throws InterruptedException {
    Settings.Source configured = settings.sources().get(new SourceName(source));
    Settings.@Nullable Version version = configured == null ? null : configured.version();
    return switch (version) {
      case null -> Optional.empty();
      case Settings.LiteralVersion literal -> Optional.of(literal.literal());
      case Settings.GitVersion git -> commit(git, warnings);
    };
  }

  private Optional<String> commit(Settings.GitVersion git, List<String> warnings)
      throws InterruptedException {
    String folder = git.gitDirectory().toString();
    try {
      // The folder most often belongs to another user, which git takes ill unless told otherwise.
      return Optional.of(
          tools
              .run(
                  ToolCommand.of(
                      "git", "-c", "safe.directory=*", "-C", folder, "rev-parse", "HEAD"),
                  limit)
              .strip());
    } catch (ToolException e) {
      warnings.add(
          "the application's version is not known: git in " + folder + ": " + e.getMessage());
      return Optional.empty();
    }
  }
}
