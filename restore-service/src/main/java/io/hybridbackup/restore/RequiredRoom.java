package io.hybridbackup.restore;

import io.hybridbackup.common.archive.ArchiveReader.Room;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.job.ComponentFailure;
import io.hybridbackup.common.process.NativeTools;
import io.hybridbackup.common.runtime.Filesystem;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a restore takes of disks before it changes its target, added up for each filesystem, as two
 * folders may be on one.
 */
final class RequiredRoom {
  private final NativeTools tools;
  private final Map<Object, Share> shares = new LinkedHashMap<>();

  RequiredRoom(NativeTools tools) {
    this.tools = tools;
  }

  /** What is taken of one filesystem. */
  private record Share(Filesystem disk, List<String> places, Room room) {
    private Share plus(Share other) {
      List<String> all = new ArrayList<>(places);
      all.addAll(other.places);
      return new Share(disk, all, room.plus(other.room));
    }

    private boolean fits() throws IOException, InterruptedException {
      return room.bytes() <= disk.freeBytes()
          && room.inodes() <= freeInodes().orElse(Long.MAX_VALUE);
    }

    private Optional<Long> freeInodes() throws InterruptedException {
      return disk.inodes().map(Filesystem.Inodes::free);
    }

    private String told() throws IOException, InterruptedException {
      return "%,d bytes and %,d inodes on the disk of %s, where %,d bytes and %s inodes are free"
          .formatted(
              room.bytes(),
              room.inodes(),
              String.join(" and ", places),
              disk.freeBytes(),
              freeInodes().map("%,d"::formatted).orElse("any number of"));
    }
  }

  /** What the size of each file there is rounded up to a multiple of. */
  long blockBytes(Path folder) throws IOException {
    Filesystem disk = Filesystem.of(folder, tools);
    return disk.storesPlainly() ? disk.blockBytes() : 1;
  }

  /** Whether there is that much room left, beside what has been added. */
  boolean has(Path folder, Room room) throws IOException, InterruptedException {
    return with(folder, "", room).fits();
  }

  /**
   * @param folder one that exists
   * @param what goes there, for people
   */
  void add(Path folder, String what, Room room) throws IOException {
    shares.put(Filesystem.of(folder, tools).device(), with(folder, what, room));
  }

  private Share with(Path folder, String what, Room room) throws IOException {
    Filesystem disk = Filesystem.of(folder, tools);
    Share share = new Share(disk, List.of(folder + " (" + what + ")"), room);
    Share before = shares.get(disk.device());
    return before == null ? share : before.plus(share);
  }

  /**
   * Makes sure that all of it is there.
   *
   * @throws ComponentFailure if not
   */
  void require() throws ComponentFailure, IOException, InterruptedException {
    for (Share share : shares.values()) {
      if (!share.fits()) {
        throw ComponentFailure.permanent(
            FailureCode.DISK_FULL,
            "there is no room, as the restore needs " + share.told() + "; free some",
            null);
      }
    }
  }

  /** What is needed and what is free, for people. */
  List<String> told() throws IOException, InterruptedException {
    List<String> told = new ArrayList<>();
    for (Share share : shares.values()) {
      told.add(share.told());
    }
    return told;
  }
}
