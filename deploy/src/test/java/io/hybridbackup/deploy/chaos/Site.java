package io.hybridbackup.deploy.chaos;

import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.store.ObjectStore;
import io.hybridbackup.common.store.ObjectStores;
import io.hybridbackup.common.testing.Commands;
import io.hybridbackup.common.testing.PostgresTestServer;
import io.hybridbackup.common.testing.S3TestServer;
import io.hybridbackup.deploy.RunningProgram;
import io.hybridbackup.deploy.SmallDisk;
import io.hybridbackup.deploy.broker.BrokerProcess;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Two instances of every service, and the servers that they need. Whatever is broken here is mended
 * after a while.
 */
final class Site implements AutoCloseable {
  static final Duration LEASE = Duration.ofSeconds(3);
  static final String BUCKET = "backups";

  /** An archive of less than 5 MiB, and one of more: they are composed in different ways. */
  static final List<String> SOURCES = List.of("letters", "scans");

  static final String TARGET = "standby";

  private static final List<String> SERVICES =
      List.of("packager", "media-sync", "db-dump", "restore");

  /** What is broken stays so for a while. */
  private static final Duration WHILE = Duration.ofSeconds(3);

  /** What becomes of an instance's requests to the store. */
  interface Gate {
    Optional<HttpMessage> pass(Instance instance, HttpMessage request, FaultProxy.Store store)
        throws IOException, InterruptedException;
  }

  /** Puts something in order again. */
  interface Mending {
    void mend() throws Exception;
  }

  private final Path folder;
  private final Path logs;
  private final Deque<AutoCloseable> started = new ArrayDeque<>();
  private final List<Instance> instances = new ArrayList<>();
  private final List<String> problems = new CopyOnWriteArrayList<>();

  /** A program ends when the thread does that has started it: this one starts them all. */
  private final ExecutorService starter =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("starter").factory());

  private final ScheduledExecutorService mender =
      Executors.newScheduledThreadPool(
          4, Thread.ofPlatform().daemon().name("mender-", 0).factory());
  private final AtomicInteger broken = new AtomicInteger();
  private final PostgresTestServer postgres;
  private final S3TestServer s3;
  private final ObjectStore store;
  private final Optional<SmallDisk> storeDisk;
  private final Optional<SmallDisk> dataDisk;
  private final Settings.Kafka kafka;
  private RunningProgram broker;

  /**
   * Starts the servers.
   *
   * @param folder an empty one
   * @param logs a folder for what the programs print
   */
  private Site(Path folder, Path logs) throws Exception {
    this.folder = folder;
    this.logs = logs;
    try {
      storeDisk = disk("store");
      dataDisk = disk("data");
      postgres = opened(start(PostgresTestServer::start));
      s3 = opened(S3TestServer.start(folder.resolve("store")));
      s3.createBucket(BUCKET);
      store = opened(ObjectStores.open(s3.settings(BUCKET, "")));
      kafka = new Settings.Kafka("127.0.0.1:" + freePort(), 3, (short) 1);
      broker = start(this::beginBroker).awaitReady();
      started.push(() -> broker.close());
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /** Starts everything. The caller closes it. */
  static Site start(Path folder, Path logs, Gate gate) throws Exception {
    Site site = new Site(folder, logs);
    try {
      site.startServices(gate);
      return site;
    } catch (Throwable e) {
      site.close();
      throw e;
    }
  }

  private void startServices(Gate gate) throws Exception {
    for (String service : SERVICES) {
      List<Instance> both = List.of(instance(service, 1, gate), instance(service, 2, gate));
      instances.addAll(both);
      for (Instance instance : both) {
        begin(instance);
        started.push(() -> instance.kill().forEach(ProcessHandle::destroyForcibly));
      }
      both.forEach(Instance::awaitReady);
    }
  }

  private Optional<SmallDisk> disk(String name) throws IOException {
    if (!Commands.root()) {
      Files.createDirectories(folder.resolve(name));
      return Optional.empty();
    }
    return Optional.of(opened(SmallDisk.mount(folder.resolve(name))));
  }

  private Instance instance(String service, int number, Gate gate) throws IOException {
    String name = service + "-" + number;
    Path config = folder.resolve(name + ".yaml");
    Instance instance = new Instance(service, name, config, logs.resolve(name + ".log"));
    FaultProxy proxy =
        opened(FaultProxy.start(s3.endpoint(), (request, to) -> gate.pass(instance, request, to)));
    Files.writeString(config, settings(proxy.endpoint()));
    return instance;
  }

  private String settings(URI endpoint) {
    StringBuilder settings = new StringBuilder();
    settings.append(
        """
        hybrid-backup:
          kafka: { bootstrap-servers: "%1$s", partitions: %2$d }
          data-directory: "%3$s/data/services"
          object-store:
            type: s3
            s3: { bucket: %4$s, endpoint: "%5$s", region: %6$s, access-key: %7$s, secret-key-file: "%8$s" }
          jobs: { lease: %9$ds, sweep: 500ms, deadline: 3m }
          tools: { pg-dump: "%10$s", pg-restore: "%11$s" }
          targets:
            %12$s:
              database: { host: 127.0.0.1, port: %13$d, name: %12$s, user: %14$s }
              media: { location: "%3$s/data/%12$s/" }
          sources:
        """
            .formatted(
                kafka.bootstrapServers(),
                kafka.partitions(),
                folder,
                BUCKET,
                endpoint,
                S3TestServer.REGION,
                S3TestServer.ACCESS_KEY,
                s3.secretKeyFile(),
                LEASE.toSeconds(),
                postgres.program("pg_dump"),
                postgres.program("pg_restore"),
                TARGET,
                postgres.port(),
                PostgresTestServer.USER));
    for (String source : SOURCES) {
      settings.append(
          """
              %1$s:
                database: { host: 127.0.0.1, port: %2$d, name: %1$s, user: %3$s }
                media: { location: "%4$s/" }
          """
              .formatted(source, postgres.port(), PostgresTestServer.USER, files(source)));
    }
    return settings.toString();
  }

  PostgresTestServer postgres() {
    return postgres;
  }

  Settings.Kafka kafka() {
    return kafka;
  }

  /** The store, without any fault in between. */
  S3TestServer s3() {
    return s3;
  }

  /** What is on record, read without any fault in between. */
  Runs runs() {
    return new Runs(store);
  }

  Path folder() {
    return folder;
  }

  /** Where a source's files are. */
  Path files(String source) {
    return folder.resolve("sources").resolve(source);
  }

  /** Where the target's files are. */
  Path restored() {
    return folder.resolve("data").resolve(TARGET);
  }

  boolean hasSmallDisks() {
    return storeDisk.isPresent();
  }

  List<Instance> instances() {
    return List.copyOf(instances);
  }

  /** Whether all is as it was before the faults. */
  boolean isWhole() {
    return broken.get() == 0 && instances.stream().allMatch(Instance::isWell);
  }

  /** Whether something went wrong here that nobody had aimed at. */
  boolean hasProblems() {
    return !problems.isEmpty()
        || instances.stream().anyMatch(instance -> !instance.isAsItShouldBe());
  }

  /** What that was; each once. */
  List<String> takeProblems() {
    List<String> found = new ArrayList<>(problems);
    problems.removeAll(found);
    instances.stream()
        .filter(instance -> !instance.isAsItShouldBe())
        .forEach(instance -> found.add(instance + " has ended by itself"));
    return found;
  }

  /** SIGKILL; it is started again only when another instance must have taken over. */
  void kill(Instance instance) {
    List<ProcessHandle> children = instance.kill();
    later(
        Duration.ofSeconds(2),
        () ->
            children.stream()
                .filter(ProcessHandle::isAlive)
                .map(child -> child.pid() + " " + child.info().commandLine().orElse("?"))
                .forEach(child -> problems.add(child + " outlives " + instance)));
    later(
        LEASE.multipliedBy(2).plusSeconds(1),
        () -> {
          begin(instance);
          instance.awaitReady();
        });
  }

  void storeDiskFull() throws IOException {
    fill(storeDisk.orElseThrow(), folder.resolve("store/filler"));
  }

  void dataDiskFull() throws IOException {
    fill(dataDisk.orElseThrow(), folder.resolve("data/filler"));
  }

  private void fill(SmallDisk disk, Path filler) throws IOException {
    disk.leave(0);
    try (OutputStream out = Files.newOutputStream(filler)) {
      while (true) {
        out.write(new byte[4096]);
      }
    } catch (IOException e) {
      // Now it is full.
      later(
          WHILE,
          () -> {
            disk.enlarge();
            Files.deleteIfExists(filler);
          });
    }
  }

  /** SIGKILL, and a new start. */
  void restartBroker() {
    broker.kill();
    later(Duration.ZERO, () -> broker = start(this::beginBroker).awaitReady());
  }

  private RunningProgram beginBroker() throws IOException {
    return RunningProgram.start(
        logs.resolve("broker.log"),
        BrokerProcess.READY,
        Map.of(),
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        System.getProperty("java.class.path"),
        BrokerProcess.class.getName(),
        folder.resolve("broker").toString(),
        kafka.bootstrapServers());
  }

  void restartPostgres() {
    postgres.stop();
    later(
        Duration.ofMillis(500),
        () ->
            start(() -> {
              postgres.restart();
              return true;
            }));
  }

  /** Something is out of order until that has been done. */
  void later(Duration delay, Mending mending) {
    broken.incrementAndGet();
    Future<?> _ =
        mender.schedule(
            () -> {
              try {
                mending.mend();
              } catch (Exception | AssertionError e) {
                problems.add("could not be mended: " + e);
              } finally {
                broken.decrementAndGet();
              }
            },
            delay.toMillis(),
            TimeUnit.MILLISECONDS);
  }

  private void begin(Instance instance) throws Exception {
    boolean _ =
        start(() -> {
          instance.begin();
          return true;
        });
  }

  private <T> T start(Callable<T> start) throws Exception {
    try {
      return starter.submit(start).get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("could not be started", e.getCause());
    }
  }

  private <C extends AutoCloseable> C opened(C resource) {
    started.push(resource);
    return resource;
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  @Override
  public void close() throws Exception {
    mender.shutdownNow();
    while (!started.isEmpty()) {
      started.pop().close();
    }
    starter.shutdownNow();
  }
}
