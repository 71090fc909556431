package io.hybridbackup.packager;

import static org.assertj.core.api.Assertions.assertThat;

import io.hybridbackup.common.event.Fact.BackupStarted;
import io.hybridbackup.common.event.FailureCode;
import io.hybridbackup.common.event.Origin;
import io.hybridbackup.common.identity.ArchiveName;
import io.hybridbackup.common.identity.Component;
import io.hybridbackup.common.identity.RunId;
import io.hybridbackup.common.identity.SourceName;
import io.hybridbackup.common.job.Announcement;
import io.hybridbackup.common.job.AttemptOpened;
import io.hybridbackup.common.job.Plan;
import io.hybridbackup.common.job.RunKeys;
import io.hybridbackup.common.job.Runs;
import io.hybridbackup.common.job.TestWork;
import io.hybridbackup.common.job.Verdict.Voided;
import io.hybridbackup.common.manifest.Consistency;
import io.hybridbackup.common.manifest.Manifest;
import io.hybridbackup.common.manifest.StoragePart;
import io.hybridbackup.common.store.Crc64Nvme;
import io.hybridbackup.common.store.InMemoryObjectStore;
import io.hybridbackup.common.store.ObjectKey;
import io.hybridbackup.common.store.Piece;
import io.hybridbackup.common.store.Slice;
import io.hybridbackup.common.store.StoreException;
import io.hybridbackup.common.store.StoredObject;
import io.hybridbackup.common.store.Upload;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CompositionTest {
  private static final Instant TIME = Instant.parse("2026-01-11T01:00:00Z");
  private static final OffsetDateTime TIMESTAMP = OffsetDateTime.parse("2026-01-11T02:00:00+01:00");
  private static final RunId RUN = RunId.ofRequest("/test", "1");
  private static final SourceName SOURCE = new SourceName("edms");
  private static final ArchiveName ARCHIVE = new ArchiveName("backup_20260111_020000");
  private static final byte[] CONTENT = new byte[1000];
  private static final String SOUND = Crc64Nvme.hex(Crc64Nvme.of(CONTENT));
  private static final String OTHER = Crc64Nvme.hex(1);

  private final InMemoryObjectStore store =
      new InMemoryObjectStore(InstantSource.fixed(TIME), true) {
        @Override
        public synchronized StoredObject compose(ObjectKey key, List<Piece> pieces) {
          throw new StoreException.Corrupt("a slice is damaged", (Slice) pieces.getFirst());
        }
      };

  @Test
  void shouldBlameABaseThatIsFoundDamagedWhileItIsComposed() throws Exception {
    // given
    StoredObject base = upload("backups/edms/base");

    // when
    Voided verdict = compose(base, slice(base).knownBy(OTHER));

    // then
    assertThat(verdict.code()).isEqualTo(FailureCode.BASE_CHANGED);
    assertThat(verdict.reason()).contains(base.key().value());
    assertThat(store.read(RunKeys.damaged(base.key())).orElseThrow())
        .asString(StandardCharsets.UTF_8)
        .contains("between the bytes 10 and 1010");
  }

  @Test
  void shouldBlameNoBaseForWhatIsNotInIt() throws Exception {
    // given
    StoredObject base = upload("backups/edms/base");

    // when
    Voided verdict = compose(base, slice(upload("work/part")).knownBy(OTHER));

    // then
    assertThat(verdict.code()).isEqualTo(FailureCode.STORE_CORRUPT);
    assertThat(verdict.reason()).isEqualTo("a slice is damaged");
    assertThat(store.find(RunKeys.damaged(base.key()))).isEmpty();
  }

  @Test
  void shouldBlameNoBaseThatIsSoundWhenItIsReadAgain() throws Exception {
    // given
    StoredObject base = upload("backups/edms/base");

    // when
    Voided verdict = compose(base, slice(base).knownBy(SOUND));

    // then
    assertThat(verdict.code()).isEqualTo(FailureCode.STORE_CORRUPT);
    assertThat(store.find(RunKeys.damaged(base.key()))).isEmpty();
  }

  private StoredObject upload(String key) throws IOException {
    try (Upload upload = store.upload(new ObjectKey(key))) {
      upload.write(new byte[10]);
      upload.write(CONTENT);
      return upload.complete();
    }
  }

  private static Slice slice(StoredObject object) {
    return new Slice(object.key(), object.etag(), 10, CONTENT.length);
  }

  private Voided compose(StoredObject base, Slice slice) throws InterruptedException {
    AttemptOpened opened =
        new AttemptOpened(
            new Announcement(
                new BackupStarted(
                    RUN,
                    SOURCE.value(),
                    new Origin(Component.PACKAGER, 1, 1, 1),
                    ARCHIVE,
                    Set.of(Component.MEDIA)),
                TIME),
            TIMESTAMP,
            Map.of(Component.MEDIA, base));
    Manifest manifest =
        new Manifest(
            TIMESTAMP,
            null,
            "hybrid-backup test",
            RUN,
            SOURCE,
            ARCHIVE,
            1,
            null,
            new StoragePart(1, 1, 1, "0".repeat(64)),
            new Consistency(false, null, TIME, 1, 0, null, null),
            Map.of(),
            List.of());
    Plan plan = new Plan(manifest, List.of(slice), slice.bytes(), SOUND);
    return (Voided)
        new Composition(
                new Runs(store), RUN, opened, List.of(), TestWork.on(RUN, Component.PACKAGER, 1))
            .carryOut(plan);
  }
}
