package io.hybridbackup.packager;

import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Event;
import io.hybridbackup.common.event.EventCodec;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Request;
import io.hybridbackup.common.event.Request.BackupCancelRequested;
import io.hybridbackup.common.event.Request.BackupRequested;
import io.hybridbackup.common.event.RunState;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Heard;
import io.hybridbackup.common.job.PartJobs;
import io.hybridbackup.common.job.PartMaker;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.Simulation;
import io.hybridbackup.common.job.Simulation.Call;
import io.hybridbackup.common.job.Simulation.Fault;
import io.hybridbackup.common.job.Simulation.Kind;
import io.hybridbackup.common.job.Simulation.Replica;
import io.hybridbackup.common.job.Worker;
import io.hybridbackup.common.messaging.EventPublisher;
import io.hybridbackup.common.messaging.PublishException;
import io.hybridbackup.common.messaging.ReceivedRequest;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/**
 * The whole protocol of a backup, in a {@link Simulation}: two replicas each of packager, db-dump
 * and media-sync run the real jobs, but for pg_dump and rsync; requests come, once or again;
 * somebody cancels; retention removes an archive. What a {@link History} says befalls them, then
 * everything is well again, and it goes on until all has come to rest. A {@link Ledger} watches
 * every change meanwhile and looks at what is there in the end.
 */
final class BackupProtocol implements Simulation.Faults, AutoCloseable {
  static final SourceName SOURCE = new SourceName("edms");
  static final Duration LEASE = Duration.ofSeconds(10);

  private static final Duration SWEEP = Duration.ofSeconds(4);
  static final Duration LINGERING = LEASE.multipliedBy(2);
  private static final Duration LONGEST = Duration.ofHours(3);
  private static final String REQUESTER = "/model";

  private final History history;
  private final Settings settings;
  private final Simulation simulation;
  private final Ledger ledger;
  private final Compressor compressor;
  private final NativeTools tools;
  private final Path folder;
  private final Deque<History.Incident> incidents;
  private int untilNext;

  private final List<Delivery> requests = new ArrayList<>();
  private final Map<String, Role> roles = new HashMap<>();
  private final Map<Replica, Consumer<Envelope>> listeners = new HashMap<>();
  private final List<Envelope> publishedStates = new ArrayList<>();
  private final Map<Replica, Long> cutOffUntil = new HashMap<>();
  private final Map<Integer, Parts.Staged> staging = new HashMap<>();
  private final Set<ArchiveName> expiring = new TreeSet<>();
  private int toExpire;
  private boolean atPeace;

  private record Role(Consumer<Replica> service, int incarnation, Replica replica) {}

  /** A request in its topic, until it is acknowledged. */
  private static final class Delivery {
    private final Function<Instant, ReceivedRequest> received;
    private @Nullable Replica owner;
    private boolean acknowledged;

    Delivery(Function<Instant, ReceivedRequest> received) {
      this.received = received;
    }
  }

  BackupProtocol(
      History history, Rules rules, Compressor compressor, NativeTools tools, Path folder) {
    this.history = history;
    this.compressor = compressor;
    this.tools = tools;
    this.folder = folder;
    this.settings = settings(history, folder);
    this.simulation = new Simulation(history.order(), this);
    this.ledger = new Ledger(simulation, rules, settings.jobs());
    this.incidents = new ArrayDeque<>(history.incidents());
    this.untilNext = incidents.isEmpty() ? 0 : incidents.peek().after();
  }

  static Settings settings(History history, Path folder) {
    return new Settings(
        new Settings.Kafka("127.0.0.1:1", 1, (short) 1),
        new Settings.FilesystemStore(folder),
        folder,
        ZoneOffset.UTC,
        new Settings.Jobs(
            LEASE,
            SWEEP,
            history.deadline(),
            3,
            history.prepareWait(),
            2,
            history.whenBusy(),
            Duration.ofHours(1),
            true,
            100),
        new Settings.Restore(Duration.ofDays(7)),
        new Settings.Tools("pg_dump", "pg_dumpall", "pg_restore", "psql", "rsync"),
        Map.of(
            SOURCE,
            new Settings.Source(
                new Settings.Database("127.0.0.1", 1, "edms", "backup", null),
                new Settings.Media(folder, List.of(), false),
                new Settings.LiteralVersion("1.4.2"))),
        Map.of());
  }

  /** Lets it happen, and says what was wrong; empty if nothing was. */
  List<String> play() {
    for (int index = 1; index <= 2; index++) {
      int machine = index;
      begin("packager-" + index, this::packager);
      begin("db-dump-" + index, replica -> parts(replica, Parts.database(this.parts(machine))));
      begin("media-sync-" + index, replica -> parts(replica, Parts.media(this.parts(machine))));
    }
    begin("retention", this::retention);
    ask(first(), "first");
    Duration secondRequest = history.secondRequest();
    if (secondRequest != null) {
      simulation.after(secondRequest, () -> ask(second(), "second"));
    }
    boolean rests = simulation.run(this::isAtRest, LONGEST);
    atPeace = true;
    rests &= simulation.run(this::isAtRest, LONGEST);
    // Whoever has not noticed yet notices now.
    boolean _ = simulation.run(() -> false, LEASE.multipliedBy(3));
    rests &= simulation.run(this::isAtRest, LONGEST);
    if (!rests) {
      ledger.wrong("it does not come to rest: " + unrest());
    }
    ledger.checkEnd(secondRequest == null ? Set.of(first()) : Set.of(first(), second()));
    return ledger.wrongs();
  }

  /** Whether all incidents have come about. */
  boolean isHistoryOver() {
    return incidents.isEmpty();
  }

  /** What there is in the end. */
  ObjectStore store() {
    return ledger;
  }

  int archives() {
    return ledger.archives();
  }

  /** How many attempts the first backup took. */
  int attempts() {
    return new Runs(ledger).latestAttempt(first());
  }

  /** Whether the packager of the first backup changed when its first attempt had a plan. */
  boolean isTakenOverBetweenPlanAndVerdict() {
    List<Instant> times =
        Stream.of(
                RunKeys.plan(first(), 1).key(),
                RunKeys.epochs(first(), Component.PACKAGER).resolve("epoch-00002"),
                RunKeys.verdict(first(), 1).key())
            .flatMap(key -> ledger.find(key).stream())
            .map(StoredObject::modified)
            .toList();
    return times.size() == 3 && times.equals(times.stream().sorted().toList());
  }

  /** What happened last, for people. */
  String trace() {
    return simulation.trace(400);
  }

  @Override
  public void close() {
    simulation.close();
  }

  private static RunId first() {
    return RunId.ofRequest(REQUESTER, "first");
  }

  private static RunId second() {
    return RunId.ofRequest(REQUESTER, "second");
  }

  private boolean isAtRest() {
    return simulation.isCalm()
        && requests.stream().allMatch(delivery -> delivery.acknowledged)
        && roles.values().stream().noneMatch(role -> role.replica.isFrozen())
        && expiring.isEmpty()
        && ledger.isClosed();
  }

  private String unrest() {
    return "calm %s, requests %s, frozen %s, expiring %s, open %s"
        .formatted(
            simulation.isCalm(),
            requests.stream().filter(delivery -> !delivery.acknowledged).count(),
            roles.values().stream().filter(role -> role.replica.isFrozen()).count(),
            expiring,
            ledger.children("open"));
  }

  // What befalls them.

  @Override
  public Fault next(Replica replica, Call call) {
    if (cutOffUntil.getOrDefault(replica, Long.MIN_VALUE) > simulation.instant().toEpochMilli()) {
      return new Fault(Kind.UNREACHABLE, Duration.ZERO);
    }
    History.Incident incident = incidents.peek();
    if (incident == null || atPeace) {
      return Fault.NONE;
    }
    if (incident.what() == History.What.LOOKED_IN_VAIN) {
      if (call.changes()) {
        untilNext--;
      }
      if (untilNext > 0 || call.changes()) {
        return Fault.NONE;
      }
    } else if (!call.changes() || call.isHeartbeat() || untilNext-- > 0) {
      return Fault.NONE;
    }
    incidents.remove();
    untilNext = incidents.isEmpty() ? 0 : incidents.peek().after();
    return befall(replica, incident);
  }

  private Fault befall(Replica replica, History.Incident incident) {
    Duration time = incident.time();
    return switch (incident.what()) {
      case CRASH_BEFORE -> crash(replica, Kind.CRASH_BEFORE, time);
      case CRASH_AFTER -> crash(replica, Kind.CRASH_AFTER, time);
      case FREEZE_BEFORE -> new Fault(Kind.FREEZE_BEFORE, time);
      case FREEZE_AFTER -> new Fault(Kind.FREEZE_AFTER, time);
      case ANSWER_LOST -> new Fault(Kind.ANSWER_LOST, time);
      case DELAYED -> new Fault(Kind.DELAYED, time);
      case UNREACHABLE, LOOKED_IN_VAIN -> new Fault(Kind.UNREACHABLE, time);
      case REFUSED -> new Fault(Kind.REFUSED, time);
      case CUT_OFF -> {
        cutOffUntil.put(replica, simulation.instant().plus(time).toEpochMilli());
        yield new Fault(Kind.UNREACHABLE, time);
      }
      case CANCEL_FIRST -> afterwards(() -> cancel(first()));
      case CANCEL_SECOND -> afterwards(() -> cancel(second()));
      case REPEAT_FIRST -> afterwards(() -> ask(first(), "first"));
      case REPEAT_SECOND -> afterwards(() -> ask(second(), "second"));
      case EXPIRE -> afterwards(() -> toExpire++);
    };
  }

  private Fault crash(Replica replica, Kind kind, Duration time) {
    String name = replica.name().substring(0, replica.name().lastIndexOf('.'));
    Role role = Objects.requireNonNull(roles.get(name));
    simulation.after(time, () -> begin(name, role.service));
    return new Fault(kind, time);
  }

  private static Fault afterwards(Runnable step) {
    step.run();
    return Fault.NONE;
  }

  // Requests and facts.

  private void ask(RunId run, String id) {
    deliver(run, new BackupRequested(SOURCE.value(), null, "alice"), id);
  }

  private void cancel(RunId run) {
    String id = "cancel-" + requests.size();
    deliver(
        RunId.ofRequest(REQUESTER, id),
        new BackupCancelRequested(run, SOURCE.value(), "changed my mind", "bob"),
        id);
  }

  private void deliver(RunId run, Request request, String id) {
    simulation.note("requester", "asks " + id + ": " + request);
    ledger.requested(run, request);
    Instant now = simulation.instant();
    Envelope envelope = Envelope.of(request, id, REQUESTER, now);
    int offset = requests.size();
    requests.add(
        new Delivery(received ->
            new ReceivedRequest(
                envelope, request, run, "backup.requests.v1", 0, offset, now, received)));
  }

  /** A record is another's once its owner is gone or has not been heard of for a while. */
  private void listen(Replica replica, BackupRequests handler) {
    try {
      while (true) {
        Delivery delivery =
            requests.stream()
                .filter(one -> !one.acknowledged)
                .filter(one ->
                    one.owner == null
                        || one.owner == replica
                        || one.owner.isKilled()
                        || one.owner.isFrozen())
                .findFirst()
                .orElse(null);
        if (delivery == null) {
          replica.sleep(Duration.ofSeconds(1));
          continue;
        }
        delivery.owner = replica;
        try {
          handler.handle(delivery.received.apply(replica.clock().instant()));
          delivery.acknowledged = true;
        } catch (StoreException | PublishException e) {
          boolean retryable =
              e instanceof StoreException store
                  ? store.retryable()
                  : ((PublishException) e).retryable();
          if (!retryable) {
            ledger.wrong("a good request went to the dead letters: " + e);
            delivery.acknowledged = true;
          }
          replica.sleep(Duration.ofSeconds(1));
        }
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void hear(ProducerRecord<String, byte[]> record) {
    Envelope envelope = EventCodec.read(record.value(), record.headers());
    ledger.published(envelope, record.value());
    if (envelope.data() instanceof RunState) {
      publishedStates.add(envelope);
    }
    listeners.forEach((replica, listener) -> {
      // A frozen one hears what is in the topic of states when it thaws.
      if (!replica.isKilled() && (!replica.isFrozen() || envelope.data() instanceof RunState)) {
        listener.accept(envelope);
      }
    });
  }

  private static void follow(Replica replica, Deque<Envelope> heard, NewestStates states) {
    try {
      while (true) {
        Envelope next = heard.peek();
        try {
          if (next != null) {
            states.hear(next);
            heard.remove();
            continue;
          }
        } catch (PublishException e) {
          // It is logged, and heard again.
        }
        replica.sleep(Duration.ofSeconds(1));
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void wake(Worker worker, Event event) {
    switch (event) {
      case Fact.TerminalFact ended -> worker.wakeAll();
      case Fact fact -> worker.wake(fact.run());
      default -> {}
    }
  }

  // The services.

  private void begin(String name, Consumer<Replica> service) {
    Role before = roles.get(name);
    int incarnation = before == null ? 1 : before.incarnation + 1;
    Replica replica = simulation.begin(name + "." + incarnation);
    roles.put(name, new Role(service, incarnation, replica));
    service.accept(replica);
  }

  private void packager(Replica replica) {
    ObjectStore store = replica.sees(ledger);
    Runs runs = new Runs(store);
    EventPublisher publisher = replica.publisher(this::hear);
    Heard heard = new Heard();
    Coordination coordination =
        new Coordination(
            settings,
            runs,
            publisher,
            new ApplicationVersion(settings, tools),
            new Ending(runs, publisher, heard),
            replica.clock(),
            "hybrid-backup");
    Worker worker =
        replica.worker(
            "packager",
            runs,
            replica.leases(store, LEASE),
            settings.jobs(),
            256,
            new BackupJobs(runs, coordination, LINGERING, SWEEP, replica.clock()));
    BackupRequests handler =
        new BackupRequests(settings, runs, publisher, replica.clock(), fact -> wake(worker, fact));
    replica.start("requests", () -> listen(replica, handler));
    Deque<Envelope> states = new ArrayDeque<>(publishedStates);
    replica.start("states", () -> follow(replica, states, new NewestStates(publisher)));
    listeners.put(
        replica,
        envelope -> {
          if (envelope.data() instanceof RunState) {
            states.add(envelope);
          }
          heard.hear(envelope);
          wake(worker, envelope.data());
        });
  }

  private Parts.Surroundings parts(int machine) {
    return new Parts.Surroundings(
        simulation, settings.jobs(), compressor, folder, machine, staging);
  }

  private void parts(Replica replica, Parts.Making making) {
    ObjectStore store = replica.sees(ledger);
    Runs runs = new Runs(store);
    EventPublisher publisher = replica.publisher(this::hear);
    PartMaker maker = making.with(runs, publisher);
    Worker worker =
        replica.worker(
            maker.component().label(),
            runs,
            replica.leases(store, LEASE),
            settings.jobs(),
            settings.jobs().parallelRuns(),
            new PartJobs(runs, publisher, maker, settings.jobs(), replica.clock()));
    listeners.put(replica, envelope -> wake(worker, envelope.data()));
  }

  /** As the design has it: the mark first, then the manifest, then the archive. */
  private void retention(Replica replica) {
    ObjectStore store = replica.sees(ledger);
    Runs runs = new Runs(store);
    replica.start(
        "retention",
        () -> {
          try {
            while (true) {
              replica.sleep(SWEEP);
              try {
                retain(runs);
              } catch (StoreException e) {
                simulation.note(replica.name(), String.valueOf(e.getMessage()));
              }
            }
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
  }

  private void retain(Runs runs) {
    if (toExpire > 0 && expiring.isEmpty()) {
      runs.archives(SOURCE).stream()
          .findFirst()
          .ifPresent(name -> {
            toExpire--;
            expiring.add(name);
          });
    }
    for (ArchiveName name : List.copyOf(expiring)) {
      boolean _ = runs.store().create(RunKeys.expired(SOURCE, name), new byte[] {'{', '}'});
      runs.store().delete(RunKeys.manifest(SOURCE, name));
      runs.store().delete(RunKeys.archive(SOURCE, name));
      expiring.remove(name);
    }
  }
}
