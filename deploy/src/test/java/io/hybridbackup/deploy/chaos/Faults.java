package io.hybridbackup.deploy.chaos;

import static java.util.Objects.requireNonNull;

import io.hybridbackup.common.identity.RunId;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Strikes at the steps that it has been aimed at: as soon as any instance takes one of them, the
 * fault is carried out there, before or after the store has done what it was asked, and counted.
 */
final class Faults implements Site.Gate {
  private static final Pattern RUN = Pattern.compile("(?:runs|work)/([a-z2-7]{26})/.*");
  private static final Duration LEASE = Site.LEASE;

  /** More often than a client tries. */
  private static final int STUBBORN = 6;

  /** Longer than a client waits for an answer about something small. */
  private static final Duration TOO_SLOW = Duration.ofSeconds(7);

  /** Whether the store still does what it is asked, and when. */
  enum Moment {
    /** It does not, or only when the fault is over. */
    BEFORE,
    /** It does, and nobody hears of it, or hears late. */
    AFTER,
    /** It does long after whoever asked for it is dead. */
    LATE
  }

  /**
   * A fault that was carried out.
   *
   * @param random for what it leaves to chance
   * @param at by {@link System#nanoTime}
   */
  record Hit(Card card, Random random, Instance instance, long at) {
    Aim aim() {
      return card.aim();
    }

    Moment moment() {
      return card.moment();
    }

    @Override
    public String toString() {
      return aim() + "(" + moment() + ", " + instance + ")";
    }
  }

  /** A card, and how often its step passes unharmed before. */
  private static final class Armed {
    private final Card card;
    private final Random random;
    private int spared;

    Armed(Card card, Random random) {
      this.card = card;
      this.random = random;
      this.spared = card.aim().step().isFrequent() ? random.nextInt(3) : 0;
    }
  }

  /** A fault that meets the same request again. */
  private record Stubborn(Hit hit, AtomicInteger left) {}

  private final Takeovers takeovers;
  private final Map<Aim, Integer> counts = new HashMap<>();
  private final List<Armed> armed = new ArrayList<>();
  private final List<Hit> hits = new CopyOnWriteArrayList<>();
  private final List<String> problems = new CopyOnWriteArrayList<>();
  private final Map<String, Stubborn> stubborn = new ConcurrentHashMap<>();
  private final AtomicInteger underWay = new AtomicInteger();
  private volatile long storeAwayUntil = System.nanoTime();
  private volatile @Nullable Site site;
  private volatile @Nullable Journal journal;

  Faults(Takeovers takeovers) {
    this.takeovers = takeovers;
  }

  /** Where it strikes. Until then everything passes. */
  void on(Site site, Journal journal) {
    this.site = site;
    this.journal = journal;
  }

  /** Aims at the steps of one round. */
  synchronized void arm(Collection<Card> cards, Random random) {
    hits.clear();
    for (Card card : cards) {
      // One of its own, for nobody knows in which order they strike.
      armed.add(new Armed(card, new Random(random.nextLong())));
    }
  }

  /** What has not been hit. */
  synchronized List<Card> disarm() {
    List<Card> missed = armed.stream().map(one -> one.card).toList();
    armed.clear();
    stubborn.clear();
    return missed;
  }

  /** The hits of this round. */
  List<Hit> hits() {
    return List.copyOf(hits);
  }

  synchronized int count(Aim aim) {
    return counts.getOrDefault(aim, 0);
  }

  List<String> takeProblems() {
    List<String> found = List.copyOf(problems);
    problems.removeAll(found);
    return found;
  }

  @Override
  public Optional<HttpMessage> pass(Instance instance, HttpMessage request, FaultProxy.Store store)
      throws IOException, InterruptedException {
    String bucket = "/" + Site.BUCKET + "/";
    String target =
        request.target().startsWith(bucket) ? request.target().substring(bucket.length()) : "";
    FaultProxy.Store seen =
        asked -> {
          HttpMessage answer = store.answer(asked);
          takeovers.saw(instance, target, asked, answer);
          return answer;
        };
    if (System.nanoTime() - storeAwayUntil < 0) {
      Thread.sleep(Duration.ofMillis(100));
      return Optional.empty();
    }
    String kind = instance + " " + request.method() + " " + target;
    Optional<Hit> repeated = again(kind);
    Optional<Hit> hit =
        repeated.isPresent()
            ? repeated
            : Step.of(instance.service(), request.method(), target)
                .flatMap(step -> hit(step, instance));
    if (hit.isEmpty()) {
      return Optional.of(seen.answer(request));
    }
    if (repeated.isEmpty() && hit.get().card().isStubborn()) {
      stubborn.put(kind, new Stubborn(hit.get(), new AtomicInteger(STUBBORN - 1)));
    }
    underWay.incrementAndGet();
    try {
      return strike(hit.get(), request, target, seen);
    } catch (RuntimeException | AssertionError e) {
      problems.add(hit.get() + " could not be carried out: " + e);
      throw e;
    } finally {
      underWay.decrementAndGet();
    }
  }

  /** Whether no fault is being carried out. */
  boolean isQuiet() {
    return underWay.get() == 0 && System.nanoTime() - storeAwayUntil > 0;
  }

  private Optional<Hit> again(String kind) {
    Stubborn one = stubborn.get(kind);
    return one != null && one.left().getAndDecrement() > 0
        ? Optional.of(one.hit())
        : Optional.empty();
  }

  private synchronized Optional<Hit> hit(Step step, Instance instance) {
    if (site == null || !instance.isWell()) {
      return Optional.empty();
    }
    for (Armed one : armed) {
      if (one.card.aim().step() == step && one.spared-- <= 0) {
        armed.remove(one);
        int _ = counts.merge(one.card.aim(), 1, Integer::sum);
        Hit hit = new Hit(one.card, one.random, instance, System.nanoTime());
        hits.add(hit);
        return Optional.of(hit);
      }
    }
    return Optional.empty();
  }

  private Optional<HttpMessage> strike(
      Hit hit, HttpMessage request, String target, FaultProxy.Store store)
      throws IOException, InterruptedException {
    Site at = requireNonNull(site);
    Journal requests = requireNonNull(journal);
    return switch (hit.aim().fault()) {
      case KILL -> kill(hit, request, store, at);
      case FREEZE -> freeze(hit, request, store);
      case ERROR_500 -> refuse(hit, request, store, 500, "InternalError");
      case ERROR_503 -> refuse(hit, request, store, 503, "SlowDown");
      case SLOW -> {
        if (hit.moment() == Moment.BEFORE) {
          Thread.sleep(TOO_SLOW);
        }
        HttpMessage answer = store.answer(request);
        if (hit.moment() == Moment.AFTER) {
          Thread.sleep(TOO_SLOW);
        }
        yield Optional.of(answer);
      }
      case CUT -> {
        HttpMessage _ = store.answer(request);
        yield Optional.empty();
      }
      case STORE_AWAY -> around(hit, request, store, this::takeStoreAway);
      case STORE_FULL -> around(hit, request, store, at::storeDiskFull);
      case DISK_FULL -> around(hit, request, store, at::dataDiskFull);
      case BROKER_RESTART -> around(hit, request, store, at::restartBroker);
      case POSTGRES_RESTART -> around(hit, request, store, at::restartPostgres);
      case REPLAY -> around(hit, request, store, () -> requests.repeat(hit.random()));
      case CANCEL ->
          around(hit, request, store, () -> run(target).ifPresent(run -> cancel(run, requests)));
    };
  }

  private interface Mishap {
    void happen() throws IOException;
  }

  private static Optional<HttpMessage> around(
      Hit hit, HttpMessage request, FaultProxy.Store store, Mishap mishap) throws IOException {
    if (hit.moment() == Moment.BEFORE) {
      mishap.happen();
      return Optional.of(store.answer(request));
    }
    HttpMessage answer = store.answer(request);
    mishap.happen();
    return Optional.of(answer);
  }

  private Optional<HttpMessage> kill(Hit hit, HttpMessage request, FaultProxy.Store store, Site at)
      throws IOException {
    if (hit.moment() == Moment.AFTER) {
      HttpMessage _ = store.answer(request);
    }
    at.kill(hit.instance());
    if (hit.moment() == Moment.LATE) {
      at.later(LEASE.multipliedBy(3).dividedBy(2), () -> store.answer(request));
    }
    long died = System.nanoTime();
    List<Takeovers.Held> dead = takeovers.heldBy(hit.instance());
    at.later(LEASE.multipliedBy(2), () -> checkTakeover(hit, dead, died, at));
    return Optional.empty();
  }

  /** Only where nothing else has hit those who are to take over. */
  private void checkTakeover(Hit killed, List<Takeovers.Held> dead, long died, Site at) {
    boolean undisturbed =
        hits.stream()
            .filter(hit -> !hit.equals(killed))
            .noneMatch(hit ->
                hit.aim().fault().isEverywhere()
                    || hit.instance().service().equals(killed.instance().service()));
    for (Takeovers.Held held : dead) {
      if (!takeovers.isTakenOver(held, died, at.runs()) && undisturbed) {
        problems.add(held + " was not taken over within two leases after " + killed);
      }
    }
  }

  private static Optional<HttpMessage> freeze(Hit hit, HttpMessage request, FaultProxy.Store store)
      throws IOException, InterruptedException {
    Optional<HttpMessage> answer =
        hit.moment() == Moment.AFTER ? Optional.of(store.answer(request)) : Optional.empty();
    hit.instance().freeze();
    try {
      Thread.sleep(LEASE.multipliedBy(3).dividedBy(2).plusMillis(500));
      // What was on its way arrives after another has taken over.
      return answer.isPresent() ? answer : Optional.of(store.answer(request));
    } finally {
      // Also when the store has broken off, as one does whose disk is full.
      hit.instance().thaw();
    }
  }

  private static Optional<HttpMessage> refuse(
      Hit hit, HttpMessage request, FaultProxy.Store store, int status, String code)
      throws IOException {
    if (hit.moment() == Moment.AFTER) {
      HttpMessage _ = store.answer(request);
    }
    return Optional.of(HttpMessage.error(status, code));
  }

  private void takeStoreAway() {
    storeAwayUntil = System.nanoTime() + LEASE.plusSeconds(2).toNanos();
  }

  private static Optional<RunId> run(String target) {
    Matcher run = RUN.matcher(target);
    return run.matches() ? Optional.of(new RunId(run.group(1))) : Optional.empty();
  }

  private static void cancel(RunId run, Journal requests) {
    if (requests.isBackup(run)) {
      requests.cancel(run);
    }
  }
}
