package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.hybridbackup.common.archive.ArchiveLayout;
import io.hybridbackup.common.archive.Compressor;
import io.hybridbackup.common.archive.MediaPart;
import io.hybridbackup.common.archive.PartInventory;
import io.hybridbackup.common.archive.PartObjects;
import io.hybridbackup.common.archive.ProgressListener;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Plan;
import io.hybridbackup.common.manifest.Consistency;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.StoragePart;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.Literal;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Piece;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComposedArchiveTest {
  private static final Instant TIME = Instant.parse("2026-01-11T01:00:00Z");

  @TempDir private Path tree;
  private final InMemoryObjectStore store =
      new InMemoryObjectStore(InstantSource.fixed(TIME), true);
  private PartInventory media;
  private Plan plan;

  @BeforeEach
  void pack() throws IOException {
    Files.writeString(tree.resolve("file"), "content");
    try (Compressor compressor = Compressor.open(1);
        PartObjects objects = new PartObjects(store, ObjectKey.of("work", "media"))) {
      media =
          MediaPart.write(
              tree,
              path -> false,
              MediaPart.Missing.NONE,
              MediaPart.Earlier.NONE,
              objects,
              compressor,
              ProgressListener.NONE);
    }
    plan = plan(manifest(1));
  }

  private Plan plan(Manifest manifest) {
    ArchiveLayout.Composition composition =
        ArchiveLayout.compose(manifest.toJson(), TIME, List.of(media), 1);
    return new Plan(manifest, composition.pieces(), composition.bytes(), composition.crc64nvme());
  }

  private Manifest manifest(int attempt) {
    return new Manifest(
        OffsetDateTime.parse("2026-01-11T02:00:00+01:00"),
        null,
        "hybrid-backup test",
        RunId.ofRequest("/test", "1"),
        new SourceName("edms"),
        new ArchiveName("backup_20260111_020000"),
        attempt,
        null,
        new StoragePart(media.files(), 1, media.unpackedBytes(), media.sha256()),
        new Consistency(false, null, TIME, 1, 0, null, null),
        Map.of(),
        List.of());
  }

  @Test
  void shouldBeContentWithWhatWasPlanned() {
    StoredObject archive = composed("sound", plan.pieces());
    assertThat(archive.bytes()).isEqualTo(plan.bytes());

    assertThatCode(() -> ComposedArchive.requireReadable(store, archive, plan))
        .doesNotThrowAnyException();
  }

  @Test
  void shouldFindAChangedManifest() throws IOException {
    isFound(0);
  }

  @Test
  void shouldFindAChangedIndex() throws IOException {
    isFound(plan.pieces().indexOf(media.index().getFirst().knownBy(media.indexCrc().getFirst())));
  }

  @Test
  void shouldFindAChangedRootIndex() throws IOException {
    isFound(plan.pieces().size() - 1);
  }

  private void isFound(int piece) throws IOException {
    List<Piece> changed = new ArrayList<>(plan.pieces());
    changed.set(piece, changed(changed.get(piece)));
    StoredObject archive = composed("changed", changed);

    assertThatThrownBy(() -> ComposedArchive.requireReadable(store, archive, plan))
        .isInstanceOf(StoreException.Corrupt.class)
        .hasMessageContaining(archive.key().value());
  }

  @Test
  void shouldFindAnotherManifest() {
    StoredObject archive = composed("another", plan(manifest(2)).pieces());

    assertThatThrownBy(() -> ComposedArchive.requireReadable(store, archive, plan))
        .isInstanceOf(StoreException.Corrupt.class)
        .hasMessageContaining("its manifest is not the one of the plan");
  }

  private StoredObject composed(String name, List<Piece> pieces) {
    return store.compose(ObjectKey.of("backups", name), pieces);
  }

  /** With another byte in the middle. */
  private Literal changed(Piece piece) throws IOException {
    byte[] content =
        switch (piece) {
          case Literal literal -> literal.content().clone();
          case Slice slice -> store.open(slice).readAllBytes();
        };
    content[content.length / 2] ^= 1;
    return new Literal(content);
  }
}
