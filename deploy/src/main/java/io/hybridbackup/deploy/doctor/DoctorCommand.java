package io.hybridbackup.deploy.doctor;

import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.settings.SettingsException;
import io.hybridbackup.deploy.cli.ConfigOption;
import io.hybridbackup.deploy.cli.ExitCode;
import io.hybridbackup.deploy.doctor.Finding.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Looks over everything that backups and restores need. */
@Command(
    name = "doctor",
    description = {
      "Look over all that backups and restores need, and say what to do about what is wrong.",
      "Run it where the services run, as their user: it sees the files and disks of this machine."
          + " It changes nothing; in the object store it writes below probe/ and removes that."
    })
public final class DoctorCommand implements Callable<Integer> {
  /** A dead network drive never answers. */
  private static final Duration PATIENCE = Duration.ofSeconds(45);

  private static final int COLUMNS = 80;
  private static final String INDENT = " ".repeat(11);

  /** Without these nothing goes at all. */
  private static final Set<String> FOUNDATIONS = Set.of("broker", "store");

  @Mixin private ConfigOption config = new ConfigOption();

  @Option(names = "--json", description = "Print an object with the findings, on one line.")
  private boolean json;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() throws SettingsException, InterruptedException {
    Settings settings = config.read();
    List<Finding> findings;
    try (NativeTools tools = new NativeTools()) {
      findings = examine(examinations(settings, tools), PATIENCE);
    }
    spec.commandLine().getOut().print(json ? json(findings) + "\n" : text(findings));
    spec.commandLine().getOut().flush();
    return exitCode(findings).code();
  }

  private static List<Examination> examinations(Settings settings, NativeTools tools) {
    List<Examination> all = new ArrayList<>();
    all.add(new BrokerExamination(settings.kafka()));
    all.add(new StoreExamination(settings, Instant.now()));
    all.add(new ToolExamination(settings, tools));
    all.add(new DataExamination(settings));
    settings
        .sources()
        .forEach((name, source) -> all.add(new SourceExamination(name, source, settings, tools)));
    settings
        .targets()
        .forEach((name, target) -> all.add(new TargetExamination(name, target, settings, tools)));
    return all;
  }

  /** All at once, since one that hangs must not hold up the others; what they found, by area. */
  static List<Finding> examine(List<Examination> examinations, Duration patience)
      throws InterruptedException {
    List<Running> running = examinations.stream().map(Running::begin).toList();
    long end = System.nanoTime() + patience.toNanos();
    List<Finding> findings = new ArrayList<>();
    for (Running one : running) {
      boolean ended = one.thread.join(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
      findings.addAll(one.findings.all());
      if (!ended) {
        findings.add(
            new Finding(
                one.examination.area(),
                Level.PROBLEM,
                "no answer within " + patience.toSeconds() + " s",
                "see whether a server or a network drive hangs"));
      }
    }
    List<String> areas = findings.stream().map(Finding::area).distinct().toList();
    findings.sort(Comparator.comparingInt(finding -> areas.indexOf(finding.area())));
    return findings;
  }

  private record Running(Examination examination, Findings findings, Thread thread) {
    /** Not virtual: a dead network drive holds up the carriers of all virtual threads. */
    static Running begin(Examination examination) {
      Findings findings = new Findings();
      Thread thread =
          Thread.ofPlatform()
              .daemon()
              .name("examine " + examination.area())
              .start(() -> examine(examination, findings));
      return new Running(examination, findings, thread);
    }

    private static void examine(Examination examination, Findings findings) {
      try {
        examination.examine(findings);
      } catch (Exception e) {
        findings.problem(
            examination.area(), "could not be looked over: " + e, "see to that, then look again");
      }
    }
  }

  private static ExitCode exitCode(List<Finding> findings) {
    List<Finding> problems =
        findings.stream().filter(finding -> finding.level() == Level.PROBLEM).toList();
    if (problems.isEmpty()) {
      return ExitCode.SUCCESS;
    }
    return problems.stream().map(Finding::area).anyMatch(FOUNDATIONS::contains)
        ? ExitCode.UNREACHABLE
        : ExitCode.RUN_FAILED;
  }

  private static String text(List<Finding> findings) {
    StringBuilder text = new StringBuilder();
    String area = "";
    for (Finding finding : findings) {
      if (!finding.area().equals(area)) {
        area = finding.area();
        text.append(area).append('\n');
      }
      String level = finding.level().name();
      String label = finding.level() == Level.PROBLEM ? level : level.toLowerCase(Locale.ROOT);
      append(text, "  %-9s".formatted(label), finding.text());
      if (finding.cure() != null) {
        append(text, INDENT + "-> ", finding.cure());
      }
    }
    long problems = count(findings, Level.PROBLEM);
    long warnings = count(findings, Level.WARNING);
    text.append(
        problems + warnings == 0
            ? "Nothing is wrong.\n"
            : "%d problem%s, %d warning%s.\n"
                .formatted(problems, problems == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s"));
    return text.toString();
  }

  /** Breaks lines between words; a word that is too long stays whole, to be copied. */
  private static void append(StringBuilder text, String first, String words) {
    StringBuilder line = new StringBuilder(first);
    boolean empty = true;
    for (String word : words.split("\\s+", -1)) {
      if (!empty && line.length() + 1 + word.length() > COLUMNS) {
        text.append(line).append('\n');
        line = new StringBuilder(INDENT);
        empty = true;
      }
      line.append(empty ? "" : " ").append(word);
      empty = false;
    }
    text.append(line).append('\n');
  }

  private static long count(List<Finding> findings, Level level) {
    return findings.stream().filter(finding -> finding.level() == level).count();
  }

  private static String json(List<Finding> findings) {
    ObjectNode object = Json.mapper().createObjectNode();
    object.put("problems", count(findings, Level.PROBLEM));
    object.put("warnings", count(findings, Level.WARNING));
    ArrayNode array = object.putArray("findings");
    for (Finding finding : findings) {
      ObjectNode one = array.addObject();
      one.put("area", finding.area());
      one.put("level", finding.level().name());
      one.put("text", finding.text());
      if (finding.cure() != null) {
        one.put("cure", finding.cure());
      }
    }
    return object.toString();
  }
}
