package io.hybridbackup.deploy;

import io.hybridbackup.common.archive.UnknownVersionException;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.deploy.broker.BrokerException;
import io.hybridbackup.deploy.cli.BackupCommand;
import io.hybridbackup.deploy.cli.CancelCommand;
import io.hybridbackup.deploy.cli.CatCommand;
import io.hybridbackup.deploy.cli.CommandException;
import io.hybridbackup.deploy.cli.DownloadCommand;
import io.hybridbackup.deploy.cli.ExitCode;
import io.hybridbackup.deploy.cli.ExtractCommand;
import io.hybridbackup.deploy.cli.FilesCommand;
import io.hybridbackup.deploy.cli.ListCommand;
import io.hybridbackup.deploy.cli.RestoreCommand;
import io.hybridbackup.deploy.cli.ShowCommand;
import io.hybridbackup.deploy.cli.WatchCommand;
import io.hybridbackup.deploy.doctor.DoctorCommand;
import io.hybridbackup.deploy.standalone.StandaloneCommand;
import java.util.List;
import org.apache.kafka.common.KafkaException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The program. */
@Command(
    name = "hybrid-backup",
    description = "Backs up a PostgreSQL database and its files into one ordinary tar.gz.",
    subcommands = {
      StandaloneCommand.class,
      BackupCommand.class,
      RestoreCommand.class,
      ListCommand.class,
      ShowCommand.class,
      FilesCommand.class,
      CatCommand.class,
      ExtractCommand.class,
      DownloadCommand.class,
      WatchCommand.class,
      CancelCommand.class,
      DoctorCommand.class,
      CommandLine.HelpCommand.class
    },
    synopsisSubcommandLabel = "COMMAND",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "  0:success",
      "  1:the run failed or was cancelled; doctor found a problem",
      "  2:wrong use of a command",
      "  3:the configuration has mistakes",
      "  4:the broker or the object store cannot be reached or used",
      "  5:the request was rejected",
      "  6:nothing was found",
      "130:interrupted; a run goes on",
      "141:nobody reads the output any more"
    })
public final class HybridBackup {
  private HybridBackup() {}

  public static void main(String[] arguments) {
    boolean standalone = List.of(arguments).contains("standalone");
    System.setProperty(
        "logback.configurationFile",
        standalone
            ? "io/hybridbackup/common/settings/logging.xml"
            : "io/hybridbackup/deploy/cli/logging.xml");
    System.exit(run(arguments));
  }

  /** Carries a command out and returns its exit code. */
  static int run(String... arguments) {
    CommandLine program = new CommandLine(new HybridBackup());
    program.getSubcommands().values().forEach(HybridBackup::addHelp);
    addHelp(program);
    program.setExecutionExceptionHandler((exception, command, parsed) -> {
      if (List.of(arguments).contains("--debug")) {
        exception.printStackTrace(command.getErr());
      }
      ExitCode exitCode = exitCode(exception);
      if (exitCode != ExitCode.OUTPUT_CLOSED) {
        command.getErr().println(message(exception));
      }
      return exitCode.code();
    });
    return program.execute(arguments);
  }

  private static void addHelp(CommandLine command) {
    command
        .getCommandSpec()
        .mixinStandardHelpOptions(true)
        .usageMessage()
        .sortOptions(false)
        .abbreviateSynopsis(true);
  }

  private static ExitCode exitCode(Exception exception) {
    return switch (exception) {
      case CommandException command -> command.exitCode();
      case SettingsException settings -> ExitCode.CONFIGURATION;
      case BrokerException broker -> ExitCode.UNREACHABLE;
      case KafkaException kafka -> ExitCode.UNREACHABLE;
      case StoreException.Unavailable store -> ExitCode.UNREACHABLE;
      case StoreException.Refused store -> ExitCode.UNREACHABLE;
      default -> ExitCode.RUN_FAILED;
    };
  }

  private static String message(Exception exception) {
    return switch (exception) {
      case CommandException command -> "hybrid-backup: " + command.getMessage();
      case SettingsException settings -> String.valueOf(settings.getMessage());
      case BrokerException broker -> "hybrid-backup: " + broker.getMessage();
      case StoreException.Missing gone ->
          "hybrid-backup: "
              + gone.getMessage()
              + " any more; hybrid-backup list shows what there is";
      case StoreException.Changed changed ->
          "hybrid-backup: " + changed.getMessage() + "; try again";
      case StoreException store ->
          "hybrid-backup: the object store cannot be used: "
              + store.getMessage()
              + "; check hybrid-backup.object-store";
      case UnknownVersionException newer -> "hybrid-backup: " + newer.getMessage();
      case KafkaException kafka ->
          "hybrid-backup: Kafka: "
              + kafka.getMessage()
              + "; check hybrid-backup.kafka.bootstrap-servers";
      default -> "hybrid-backup: unexpected: " + exception + "; --debug shows where it comes from";
    };
  }
}
