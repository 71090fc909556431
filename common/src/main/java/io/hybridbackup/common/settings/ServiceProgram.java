package io.hybridbackup.common.settings;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;

/**
 * Runs services as a program: reads the configuration file, says what is wrong with it, and starts
 * a Spring application without a web server that has the {@link Settings} as a bean.
 */
public final class ServiceProgram {
  /** The exit code of a program whose configuration cannot be used. */
  public static final int CONFIGURATION_EXIT_CODE = 3;

  private ServiceProgram() {}

  /**
   * The {@code main} of a service that runs alone: {@code [--config FILE]}. Ends the process if the
   * configuration has mistakes, after naming them.
   *
   * @param secrets the secret files that this service reads
   */
  public static void run(Class<?> configuration, String[] arguments, Secret... secrets) {
    try {
      Path file = file(arguments);
      Settings settings = SettingsFile.read(file);
      Secret.check(file, settings, List.of(secrets));
      application(settings, configuration).run();
    } catch (SettingsException e) {
      System.err.println(e.getMessage());
      System.exit(CONFIGURATION_EXIT_CODE);
    }
  }

  /** One application out of all these configurations, ready to be run. */
  public static SpringApplicationBuilder application(
      Settings settings, Class<?>... configurations) {
    return new SpringApplicationBuilder(configurations)
        .web(WebApplicationType.NONE)
        .bannerMode(Banner.Mode.OFF)
        .logStartupInfo(false)
        .properties(
            Map.of(
                "spring.main.keep-alive", "true",
                "spring.kafka.bootstrap-servers", settings.kafka().bootstrapServers(),
                "logging.config", "classpath:io/hybridbackup/common/settings/logging.xml"))
        .initializers(context -> context.getBeanFactory().registerSingleton("settings", settings));
  }

  /**
   * The configuration file: as named, else by HYBRID_BACKUP_CONFIG, else {@link
   * SettingsFile#DEFAULT}.
   */
  public static Path file(@Nullable Path named) {
    return Optional.ofNullable(named)
        .or(() -> Optional.ofNullable(System.getenv("HYBRID_BACKUP_CONFIG")).map(Path::of))
        .orElse(SettingsFile.DEFAULT);
  }

  private static Path file(String[] arguments) {
    Path named = null;
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].startsWith("--config=")) {
        named = Path.of(arguments[i].substring("--config=".length()));
      } else if (arguments[i].equals("--config") && i + 1 < arguments.length) {
        named = Path.of(arguments[++i]);
      } else {
        System.err.println("usage: --config FILE");
        System.exit(2);
      }
    }
    return file(named);
  }
}
