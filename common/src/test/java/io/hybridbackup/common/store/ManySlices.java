package io.hybridbackup.common.store;

import io.hybridbackup.common.archive.ArchiveLayout;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.job.Decision;
import io.hybridbackup.common.job.Decisions;
import io.hybridbackup.common.json.StoredJson;
import io.hybridbackup.common.settings.Settings;
import io.hybridbackup.common.testing.S3TestServer;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;

/**
 * Lays an archive out whose media part consists of very many slices, as when every second of many
 * short runs has changed; decides on its inventory and on what it is made of, reads both back, and
 * plans its upload to S3. Fails where anything differs, or is too large for a store.
 */
final class ManySlices {
  private static final int LARGEST_SMALL_OBJECT = 5 << 20;
  private static final int KIB = 1024;

  private final ObjectStore store;

  private ManySlices(ObjectStore store) {
    this.store = store;
  }

  /**
   * @param arguments how many slices; then a folder, or endpoint, bucket and secret key file
   */
  public static void main(String[] arguments) {
    Settings.Store settings =
        arguments.length == 2
            ? new Settings.FilesystemStore(Path.of(arguments[1]))
            : new Settings.S3Store(
                arguments[2],
                "",
                URI.create(arguments[1]),
                S3TestServer.REGION,
                true,
                S3TestServer.ACCESS_KEY,
                Path.of(arguments[3]));
    try (ObjectStore store = ObjectStores.open(settings)) {
      new ManySlices(store).run(Integer.parseInt(arguments[0]));
    }
  }

  private void run(int slices) {
    PartInventory inventory = inventory(slices);
    PartInventory kept =
        keep(
            "inventory",
            new Decision<>(new ObjectKey("runs/abc/media"), PartInventory.class),
            inventory);
    require(kept.equals(inventory), "the inventory differs");
    ArchiveLayout.Composition laidOut =
        timed(
            "laid out",
            () -> ArchiveLayout.compose(new byte[] {1}, Instant.EPOCH, List.of(kept), 1));
    ArchiveLayout.Composition composition =
        keep(
            "plan",
            new Decision<>(new ObjectKey("runs/abc/plan"), ArchiveLayout.Composition.class),
            laidOut);
    List<CompositionPlanner.Part> parts =
        timed(
            "planned for S3",
            () -> new CompositionPlanner(CompositionPlanner.S3).plan(composition.pieces()));
    System.out.println(parts.size() + " parts");
    require(parts.size() <= CompositionPlanner.S3.parts(), "there are too many parts");
    require(
        parts.stream().mapToLong(CompositionPlanner.Part::bytes).sum() == composition.bytes(),
        "the parts are not the archive");
  }

  /** What is read back after a decision. */
  private <T> T keep(String name, Decision<T> decision, T proposal) {
    Decisions decisions = new Decisions(store);
    T _ = timed(name + " decided", () -> decisions.decide(decision, proposal));
    long bytes = store.find(decision.key()).orElseThrow().bytes();
    System.out.println(name + ": " + bytes + " bytes");
    require(bytes <= LARGEST_SMALL_OBJECT, "the " + name + " is no small object");
    T found = timed(name + " read", () -> decisions.find(decision).orElseThrow());
    require(
        Arrays.equals(StoredJson.write(found), StoredJson.write(proposal)),
        "the " + name + " that was read is another");
    return found;
  }

  private static PartInventory inventory(int slices) {
    Random random = new Random(slices);
    ObjectKey base = new ObjectKey("backups/edms/backup_20260111_020000.tar.gz");
    ObjectKey folder =
        new ObjectKey("work/3f0d2c6e8a1b4957b2c48d1e5f60718293a4b5c6/attempt-01/media/epoch-00001");
    List<Slice> content = new ArrayList<>();
    List<String> checksums = new ArrayList<>();
    long inBase = 0;
    long inPart = 0;
    for (int i = 0; i < slices; i++) {
      long bytes = (256L + random.nextInt(1024)) * KIB + random.nextInt(KIB);
      if (i % 2 == 0) {
        content.add(new Slice(base, "\"9b2cf535f27731c974343645a3985328-412\"", inBase, bytes));
        inBase += 2 * bytes;
      } else {
        content.add(
            new Slice(
                folder.resolve("part-00001"),
                "\"1b2cf535f27731c974343645a3985328-16\"",
                inPart,
                bytes));
        inPart += bytes;
      }
      checksums.add(Crc64Nvme.hex(random.nextLong()));
    }
    Slice index = new Slice(folder.resolve("index-00001"), "\"etag\"", 0, 1000);
    return new PartInventory(
        Component.MEDIA,
        content,
        checksums,
        List.of(index),
        List.of(Crc64Nvme.hex(0)),
        null,
        inBase,
        slices,
        1,
        "0".repeat(64),
        null,
        inBase / 2,
        List.of());
  }

  private static <T> T timed(String what, Supplier<T> step) {
    long begun = System.nanoTime();
    T result = step.get();
    System.out.println(
        what + " in " + Duration.ofNanos(System.nanoTime() - begun).toMillis() + " ms");
    return result;
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }
}
