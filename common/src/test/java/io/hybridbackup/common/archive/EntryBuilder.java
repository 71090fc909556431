package io.hybridbackup.common.archive;

import java.time.Instant;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** An entry that is in no archive yet: what a clerk has, but for what a test says of it. */
final class EntryBuilder {
  private final EntryPath path;
  private final ArchiveEntry.Type type;
  private long size;
  private int mode = 0640;
  private long uid = 1000;
  private long gid = 1001;
  private String user = "clerk";
  private String group = "clerks";
  private Instant modified = ArchiveFixture.TIME;
  private @Nullable EntryPath target;
  private ArchiveEntry.@Nullable Device device;
  private SortedMap<String, byte[]> attributes = new TreeMap<>();
  private @Nullable String accessAcl;
  private @Nullable String defaultAcl;
  private boolean vanished;

  EntryBuilder(EntryPath path, ArchiveEntry.Type type) {
    this.path = path;
    this.type = type;
  }

  EntryBuilder(String path, ArchiveEntry.Type type) {
    this(EntryPath.of(path), type);
  }

  EntryBuilder size(long bytes) {
    size = bytes;
    return this;
  }

  EntryBuilder mode(int permissions) {
    mode = permissions;
    return this;
  }

  EntryBuilder owners(long ownerUid, long ownerGid, String ownerUser, String ownerGroup) {
    uid = ownerUid;
    gid = ownerGid;
    user = ownerUser;
    group = ownerGroup;
    return this;
  }

  EntryBuilder modified(Instant time) {
    modified = time;
    return this;
  }

  EntryBuilder target(@Nullable EntryPath linked) {
    target = linked;
    return this;
  }

  EntryBuilder device(int major, int minor) {
    device = new ArchiveEntry.Device(major, minor);
    return this;
  }

  EntryBuilder attributes(SortedMap<String, byte[]> all) {
    attributes = all;
    return this;
  }

  EntryBuilder accessAcl(String acl) {
    accessAcl = acl;
    return this;
  }

  EntryBuilder defaultAcl(String acl) {
    defaultAcl = acl;
    return this;
  }

  EntryBuilder vanished() {
    vanished = true;
    return this;
  }

  ArchiveEntry build() {
    return new ArchiveEntry(
        path,
        type,
        size,
        mode,
        uid,
        gid,
        user,
        group,
        modified,
        null,
        target,
        device,
        attributes,
        accessAcl,
        defaultAcl,
        vanished,
        new ArchiveEntry.Place(0, 0),
        null);
  }
}
