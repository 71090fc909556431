package io.hybridbackup.common.archive;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Extracts what is chosen, and gives folders that were made on the way what they had. */
final class ChosenMedia implements PartReader.Handler, AutoCloseable {
  private final Selection selection;
  private final Path folder;
  private final ExtractOptions options;
  private @Nullable MediaExtraction extraction;

  ChosenMedia(Selection selection, Path folder, ExtractOptions options) {
    this.selection = selection;
    this.folder = folder;
    this.options = options;
  }

  /** All folders, as only later it is known which of them were needed. */
  boolean wants(ArchiveEntry entry) {
    return selection.contains(entry.path()) || entry.type() == ArchiveEntry.Type.FOLDER;
  }

  @Override
  public void entry(ArchiveEntry entry, PartReader.Content content) throws IOException {
    if (entry.type() == ArchiveEntry.Type.FOLDER
        && !selection.contains(entry.path())
        && !made(entry)) {
      return;
    }
    if (extraction == null) {
      extraction = new MediaExtraction(folder, options);
    }
    extraction.entry(entry, content);
  }

  private boolean made(ArchiveEntry entry) throws ArchiveCorruptException {
    return extraction != null && extraction.made(entry);
  }

  /** As {@link MediaExtraction#finish}. */
  List<String> finish() throws IOException {
    return extraction == null ? List.of() : extraction.finish();
  }

  @Override
  public void close() {
    if (extraction != null) {
      extraction.close();
    }
  }
}
