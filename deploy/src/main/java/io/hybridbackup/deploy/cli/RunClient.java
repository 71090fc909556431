package io.hybridbackup.deploy.cli;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.UnreadableEventException;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.json.Json;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.PublishException;
import io.hybridbackup.common.settings.Settings;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Asks for runs and waits for their end. */
final class RunClient {
  private static final Duration POLL = Duration.ofMillis(200);
  private static final Duration SILENCE = Duration.ofSeconds(15);

  private final Settings.Kafka kafka;
  private final boolean json;
  private final PrintStream results;
  private final PrintStream talk;

  /**
   * @param json whether results are for programs
   */
  RunClient(Settings.Kafka kafka, boolean json, PrintStream results, PrintStream talk) {
    this.kafka = kafka;
    this.json = json;
    this.results = results;
    this.talk = talk;
  }

  /**
   * Publishes a request that starts a run, and follows it to its end.
   *
   * @param idName what the run's id is called in JSON
   */
  ExitCode request(Request request, String idName, boolean wait) {
    Envelope envelope =
        Envelope.of(request, UUID.randomUUID().toString(), "/hybrid-backup/cli", Instant.now());
    RunId run = envelope.runOfRequest("", 0, 0);
    try (FactStream facts = FactStream.fromNow(kafka)) {
      publish(envelope);
      if (!wait) {
        results.println(json ? line(Map.of(idName, run)) : run);
        return ExitCode.SUCCESS;
      }
      talk.println("requested: " + run);
      return report(await(facts, run, SILENCE));
    }
  }

  /** Follows a run that somebody has asked for before. */
  ExitCode follow(RunId run) {
    try (FactStream facts = FactStream.ofRun(kafka, run)) {
      return report(await(facts, run, Duration.ZERO));
    }
  }

  /** Shows all that goes on until the program is ended. */
  ExitCode followAll() {
    try (FactStream facts = FactStream.fromNow(kafka)) {
      while (true) {
        for (FactStream.Heard heard : facts.poll(POLL)) {
          results.println(
              json
                  ? line(Envelope.of(heard.fact(), heard.time()))
                  : heard.time() + " " + heard.fact().run() + " " + FactText.of(heard.fact()));
        }
      }
    }
  }

  /** Asks that a backup be cancelled. */
  ExitCode cancel(RunId run, @Nullable String reason, String requestedBy, boolean wait) {
    try (FactStream facts = FactStream.ofRun(kafka, run)) {
      String source = source(facts, run);
      publish(
          Envelope.of(
              new Request.BackupCancelRequested(run, source, reason, requestedBy),
              UUID.randomUUID().toString(),
              "/hybrid-backup/cli",
              Instant.now()));
      if (!wait) {
        return ExitCode.SUCCESS;
      }
      Fact.TerminalFact end = await(facts, run, SILENCE);
      ExitCode exitCode = report(end);
      return end instanceof Fact.BackupCancelled ? ExitCode.SUCCESS : exitCode;
    }
  }

  /** Asks that what a restore replaced come back. */
  ExitCode undo(RunId undone, String requestedBy, String idName, boolean wait) {
    Fact.RestoreCompleted completed;
    try (FactStream facts = FactStream.ofRun(kafka, undone)) {
      completed = completed(facts, undone);
    }
    return request(
        new Request.RestoreRequested(
            completed.source(),
            completed.archive().value(),
            completed.target(),
            null,
            null,
            null,
            undone,
            requestedBy),
        idName,
        wait);
  }

  private static Fact.RestoreCompleted completed(FactStream facts, RunId run) {
    while (true) {
      boolean caughtUp = facts.caughtUp();
      for (FactStream.Heard heard : facts.poll(POLL)) {
        if (heard.fact().run().equals(run)
            && heard.fact() instanceof Fact.RestoreCompleted completed) {
          return completed;
        }
      }
      if (caughtUp) {
        throw new CommandException(
            ExitCode.NOTHING_FOUND,
            "there is no completed restore " + run + "; check its id, facts are kept for 30 days");
      }
    }
  }

  private static String source(FactStream facts, RunId run) {
    String source = null;
    while (source == null || !facts.caughtUp()) {
      boolean caughtUp = facts.caughtUp();
      for (FactStream.Heard heard : facts.poll(POLL)) {
        if (heard.fact() instanceof Fact.TerminalFact) {
          throw new CommandException(
              ExitCode.RUN_FAILED, run + " has ended: " + FactText.of(heard.fact()));
        }
        if (heard.fact() instanceof Fact.BackupFact backup) {
          source = backup.source();
        }
      }
      if (caughtUp && source == null) {
        throw unknown(run);
      }
    }
    return source;
  }

  private void publish(Envelope envelope) {
    try (EventPublisher publisher = new EventPublisher(kafka)) {
      publisher.publish(envelope);
    } catch (PublishException e) {
      throw FactStream.unreachable(kafka, e);
    } catch (UnreadableEventException e) {
      throw new CommandException(ExitCode.USAGE, String.valueOf(e.getMessage()), e);
    }
  }

  /**
   * @param silence after how long without any answer it is said that nobody seems to be there; zero
   *     if the run must be known already
   */
  private Fact.TerminalFact await(FactStream facts, RunId run, Duration silence) {
    Thread farewell =
        Thread.ofPlatform()
            .unstarted(() ->
                talk.println(
                    "\nThe run goes on without us. Watch it with: hybrid-backup watch " + run));
    Runtime.getRuntime().addShutdownHook(farewell);
    try (Progress progress = Progress.on(talk)) {
      return await(facts, run, silence, progress);
    } finally {
      Runtime.getRuntime().removeShutdownHook(farewell);
    }
  }

  private static Fact.TerminalFact await(
      FactStream facts, RunId run, Duration silence, Progress progress) {
    Predicate<FactStream.Heard> ours = heard -> heard.fact().run().equals(run);
    long begun = System.nanoTime();
    boolean answered = false;
    boolean complained = false;
    while (true) {
      boolean caughtUp = silence.isZero() && !answered && facts.caughtUp();
      for (FactStream.Heard heard : facts.poll(POLL).stream().filter(ours).toList()) {
        answered = true;
        progress.show(heard.fact());
        if (heard.fact() instanceof Fact.TerminalFact terminal) {
          return terminal;
        }
      }
      if (!answered && caughtUp) {
        throw unknown(run);
      }
      if (!answered && !complained && System.nanoTime() - begun > silence.toNanos()) {
        complained = true;
        if (!silence.isZero()) {
          progress.say(
              "No service has answered yet: none seems to be running. Start standalone, or the"
                  + " services; the request is kept and will be carried out then. Still waiting.");
        }
      }
    }
  }

  private static CommandException unknown(RunId run) {
    return new CommandException(
        ExitCode.NOTHING_FOUND,
        "nothing is known of the run " + run + "; check its id, facts are kept for 30 days");
  }

  private ExitCode report(Fact.TerminalFact fact) {
    ExitCode exitCode = ExitCode.of(fact);
    if (json) {
      results.println(line(fact));
    } else {
      (exitCode == ExitCode.SUCCESS ? results : talk).println(FactText.of(fact));
    }
    return exitCode;
  }

  static String line(Object value) {
    return new String(Json.write(value), StandardCharsets.UTF_8);
  }
}
