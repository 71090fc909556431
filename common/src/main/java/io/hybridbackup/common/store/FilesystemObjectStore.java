package io.hybridbackup.common.store;

import static java.util.Objects.requireNonNull;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A directory that all services share. An object is a file whose path below the directory is its
 * key.
 *
 * <p>What is not yet an object lies in {@code .uploads/<key>/.<random>}, so that the leavings of a
 * process that died can be found by their key. A finished scratch file gets its real name by
 * link(2), which fails if the name is taken, on every host that has the directory mounted.
 */
public final class FilesystemObjectStore implements ObjectStore {
  private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();
  private static final long SHORTEST_STRETCH = 16L << 20;

  private static final String SCRATCH = ".uploads";
  private static final int COPIED_BYTES = 1 << 18;

  /** To copy less costs less than to share it. */
  private static final int LEAST_SHARED = 1 << 18;

  /** Deleting takes empty folders along, now and then just as somebody is about to use them. */
  private static final int FOLDER_ATTEMPTS = 1000;

  private final Path directory;
  private final Path scratchDirectory;
  private final DiskBlocks blocks;
  private volatile int sharedBlockBytes = 1;

  /**
   * @param directory made if there is none
   * @throws StoreException.Refused if it cannot be made
   */
  public FilesystemObjectStore(Path directory) {
    this.directory = directory.toAbsolutePath().normalize();
    this.scratchDirectory = this.directory.resolve(SCRATCH);
    try {
      Files.createDirectories(this.directory);
      this.blocks = DiskBlocks.of(this.directory);
    } catch (IOException e) {
      throw failure("make", e);
    }
  }

  @Override
  public Optional<StoredObject> find(ObjectKey key) {
    try {
      return stat(key, file(key));
    } catch (IOException e) {
      throw failure("look at " + key, e);
    }
  }

  @Override
  public Optional<byte[]> read(ObjectKey key) {
    try {
      return find(key).isEmpty() ? Optional.empty() : Optional.of(Files.readAllBytes(file(key)));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw failure("read " + key, e);
    }
  }

  @Override
  public InputStream open(Slice slice) {
    try {
      InputStream file =
          new BlockInputStream(openUnchanged(slice), blocks, slice.offset(), slice.bytes());
      return new ExactInputStream(file, slice) {
        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
          try {
            return super.read(bytes, offset, length);
          } catch (EOFException e) {
            // Somebody may have cut it short in place since it was opened.
            checkUnchanged(slice);
            throw e;
          }
        }
      };
    } catch (IOException e) {
      throw failure("read " + slice.object(), e).at(slice);
    }
  }

  @Override
  public boolean create(ObjectKey key, byte[] content) {
    try (FileUpload upload = new FileUpload(key, DiskBlocks.ORDINARY)) {
      upload.write(content, 0, content.length);
      upload.complete();
      return true;
    } catch (StoreException.Exists e) {
      return false;
    }
  }

  @Override
  public void overwrite(ObjectKey key, byte[] content) {
    try (FileUpload upload = new FileUpload(key, DiskBlocks.ORDINARY)) {
      upload.write(content, 0, content.length);
      upload.replace();
    }
  }

  @Override
  public Upload upload(ObjectKey key) {
    return new FileUpload(key, blocks);
  }

  @Override
  public StoredObject compose(ObjectKey key, List<Piece> pieces) {
    try (FileUpload upload = new FileUpload(key, blocks)) {
      for (Piece piece : pieces) {
        switch (piece) {
          case Literal literal -> upload.write(literal.content(), 0, literal.content().length);
          case Slice slice -> upload.append(slice);
        }
      }
      return upload.complete();
    }
  }

  @Override
  public int sharedBlockBytes() {
    return sharedBlockBytes;
  }

  @Override
  public Optional<String> checksum(ObjectKey key) {
    StoredObject object = find(key).orElseThrow(() -> new StoreException.Missing(key));
    try {
      return Optional.of(Crc64Nvme.hex(crc64nvme(object)));
    } catch (IOException e) {
      throw failure("read " + key, e).at(new Slice(key, object.etag(), 0, object.bytes()));
    }
  }

  /** A stretch for each processor, side by side. */
  private long crc64nvme(StoredObject object) throws IOException {
    long stretch = Math.max(SHORTEST_STRETCH, Math.ceilDiv(object.bytes(), PROCESSORS));
    long whole = new Crc64Nvme().value();
    try (ExecutorService executor = Executors.newFixedThreadPool(PROCESSORS)) {
      List<Slice> slices = new ArrayList<>();
      List<Future<Long>> checksums = new ArrayList<>();
      for (long offset = 0; offset < object.bytes(); offset += stretch) {
        long bytes = Math.min(stretch, object.bytes() - offset);
        Slice slice = new Slice(object.key(), object.etag(), offset, bytes);
        slices.add(slice);
        checksums.add(executor.submit(() -> crc64nvme(slice)));
      }
      for (int i = 0; i < slices.size(); i++) {
        whole = Crc64Nvme.combine(whole, checksums.get(i).get(), slices.get(i).bytes());
      }
      return whole;
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException cause -> throw cause;
        case StoreException cause -> throw cause;
        case null, default -> throw new IOException(e);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a checksum was computed");
    }
  }

  private long crc64nvme(Slice slice) throws IOException {
    Crc64Nvme crc = new Crc64Nvme();
    byte[] buffer = new byte[COPIED_BYTES];
    try (InputStream in = open(slice)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        crc.update(buffer, 0, read);
      }
    }
    return crc.value();
  }

  @Override
  public void delete(ObjectKey key) {
    try {
      Path file = file(key);
      if (Files.isDirectory(file)) {
        return;
      }
      deleteIfThere(file);
      sync(prune(file.getParent(), directory));
    } catch (IOException e) {
      throw failure("delete " + key, e);
    }
  }

  @Override
  public List<StoredObject> list(String folder) {
    List<StoredObject> objects = new ArrayList<>();
    try {
      Files.walkFileTree(
          folder(directory, folder),
          new UndottedFiles() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Optional<ObjectKey> key = ObjectKey.ifValid(directory.relativize(file).toString());
              if (key.isPresent()) {
                stat(key.get(), file).ifPresent(objects::add);
              }
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw failure("list " + folder, e);
    }
    objects.sort((a, b) -> a.key().compareTo(b.key()));
    return objects;
  }

  @Override
  public List<String> children(String folder) {
    try (Stream<Path> children = Files.list(folder(directory, folder))) {
      List<String> names = new ArrayList<>();
      for (Path child : children.toList()) {
        if (!name(child).startsWith(".") && holdsObject(child)) {
          names.add(name(child));
        }
      }
      names.sort(null);
      return names;
    } catch (NoSuchFileException | NotDirectoryException e) {
      return List.of();
    } catch (IOException e) {
      throw failure("list " + folder, e);
    }
  }

  /** Whether it is an object, or a folder that does not merely wait to be filled or removed. */
  private static boolean holdsObject(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return Files.isRegularFile(path);
    }
    try (Stream<Path> children = Files.list(path)) {
      for (Path child : (Iterable<Path>) children::iterator) {
        if (!name(child).startsWith(".") && holdsObject(child)) {
          return true;
        }
      }
      return false;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  @Override
  public int abortUploads(String folder, Duration age) {
    Instant begunBefore = Instant.now().minus(age);
    List<Path> abandoned = new ArrayList<>();
    try {
      Files.walkFileTree(
          folder(scratchDirectory, folder),
          new UndottedFiles() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              if (!attributes.creationTime().toInstant().isAfter(begunBefore)) {
                abandoned.add(file);
              }
              return FileVisitResult.CONTINUE;
            }
          });
      int aborted = 0;
      for (Path scratch : abandoned) {
        aborted += deleteIfThere(scratch) ? 1 : 0;
        prune(scratch.getParent(), scratchDirectory);
      }
      return aborted;
    } catch (IOException e) {
      throw failure("give up uploads to " + folder, e);
    }
  }

  @Override
  public StoreCapabilities probe() {
    ObjectKey place = ObjectKey.of("probe", UUID.randomUUID().toString());
    Race race = new Race(this, place);
    try (CleanUp _ = () -> clear(place)) {
      boolean conditionalCreate = race.oneCreates() && race.oneCompletes(this::upload);
      Files.createDirectories(scratchDirectory);
      sharedBlockBytes = SharedBlocks.of(scratchDirectory);
      return new StoreCapabilities(conditionalCreate, true, false, sharedBlockBytes);
    } catch (IOException e) {
      throw failure("probe", e);
    }
  }

  private void clear(ObjectKey place) {
    list(place.value()).forEach(object -> delete(object.key()));
    int _ = abortUploads(place.value(), Duration.ZERO);
  }

  @Override
  public void close() {}

  private Path file(ObjectKey key) {
    return directory.resolve(key.value());
  }

  private static Path folder(Path root, String folder) {
    return root.resolve(new ObjectKey(folder).value());
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  private static Optional<StoredObject> stat(ObjectKey key, Path file) throws IOException {
    try {
      BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
      if (!attributes.isRegularFile()) {
        return Optional.empty();
      }
      long bytes = attributes.size();
      FileTime modified = attributes.lastModifiedTime();
      // Not its file key: that holds the device, which is another one on every host.
      long inode = (Long) requireNonNull(Files.getAttribute(file, "unix:ino"));
      String etag =
          String.format(Locale.ROOT, "%x-%x-%x", inode, modified.to(TimeUnit.NANOSECONDS), bytes);
      return Optional.of(new StoredObject(key, bytes, etag, modified.toInstant()));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (FileSystemException e) {
      if (says(e, "Not a directory")) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** The name is looked at on both sides of opening it: what was opened in between is the same. */
  private FileChannel openUnchanged(Slice slice) throws IOException {
    checkUnchanged(slice);
    FileChannel channel;
    try {
      channel = blocks.openToRead(file(slice.object()));
    } catch (NoSuchFileException e) {
      throw new StoreException.Missing(slice.object());
    }
    try {
      checkUnchanged(slice);
      return channel;
    } catch (IOException | StoreException e) {
      channel.close();
      throw e;
    }
  }

  private void checkUnchanged(Slice slice) throws IOException {
    StoredObject now =
        stat(slice.object(), file(slice.object()))
            .orElseThrow(() -> new StoreException.Missing(slice.object()));
    if (!now.etag().equals(slice.etag())) {
      throw new StoreException.Changed(slice.object());
    }
  }

  private static boolean deleteIfThere(Path file) throws IOException {
    try {
      return Files.deleteIfExists(file);
    } catch (FileSystemException e) {
      if (says(e, "Not a directory")) {
        return false;
      }
      throw e;
    }
  }

  /**
   * Removes empty folders from this one upwards.
   *
   * @return the first one that stays
   */
  private static Path prune(@Nullable Path from, Path root) throws IOException {
    Path folder = from;
    while (folder != null && !folder.equals(root)) {
      try {
        deleteIfThere(folder);
      } catch (DirectoryNotEmptyException e) {
        return folder;
      }
      folder = folder.getParent();
    }
    return root;
  }

  private static void sync(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (NoSuchFileException e) {
      // Somebody has already deleted all that was in it, and the folder with it.
      return;
    }
  }

  /** Also the folders that another writer has made and may not have synced yet. */
  private void syncUpwards(Path file) throws IOException {
    for (Path folder = file.getParent(); folder != null; folder = folder.getParent()) {
      sync(folder);
      if (folder.equals(directory)) {
        return;
      }
    }
  }

  private StoreException failure(String what, IOException e) {
    if (says(e, "No space left on device") || says(e, "Disk quota exceeded")) {
      return new StoreException.Refused(
          "the filesystem of the object store's directory "
              + directory
              + " is full: make room there or keep fewer backups, then try again",
          e);
    }
    if (e instanceof AccessDeniedException
        || says(e, "Read-only file system")
        || says(e, "Operation not permitted")) {
      return new StoreException.Refused(
          "no permission to "
              + what
              + " in the object store's directory "
              + directory
              + " ("
              + e.getMessage()
              + "): give the user that this service runs as read and write access to it",
          e);
    }
    return new StoreException.Unavailable(
        "could not " + what + " in the object store's directory " + directory + ": " + e, e);
  }

  private static boolean says(IOException e, String reason) {
    return e.getMessage() != null && e.getMessage().contains(reason);
  }

  /** Skips what is no object by its name, and does not mind what goes while it is looking. */
  private abstract static class UndottedFiles extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
      return name(folder).startsWith(".") ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
      if (e instanceof NoSuchFileException || says(e, "Not a directory")) {
        return FileVisitResult.CONTINUE;
      }
      throw e;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e)
        throws IOException {
      return e == null ? FileVisitResult.CONTINUE : visitFileFailed(folder, e);
    }
  }

  private final class FileUpload extends Upload {
    private final ObjectKey key;
    private final Path scratch;
    private final BlockOutputStream out;
    private long written;

    FileUpload(ObjectKey key, DiskBlocks blocks) {
      this.key = key;
      this.scratch =
          folder(scratchDirectory, key.value()).resolve("." + UUID.randomUUID().toString());
      try {
        this.out =
            new BlockOutputStream(inFolder(scratch, () -> blocks.openToCreate(scratch)), blocks);
      } catch (IOException e) {
        throw failure("begin " + key, e);
      }
    }

    @Override
    public void write(int oneByte) {
      write(new byte[] {(byte) oneByte}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      try {
        out.write(bytes, offset, length);
        written += length;
      } catch (IOException e) {
        throw failure("write " + key, e);
      }
    }

    void append(Slice slice) {
      try {
        long head = Math.floorMod(-slice.offset(), sharedBlockBytes);
        long whole = (slice.bytes() - head) / sharedBlockBytes * sharedBlockBytes;
        boolean shared =
            sharedBlockBytes > 1
                && whole >= LEAST_SHARED
                && (slice.offset() - written) % sharedBlockBytes == 0;
        if (shared) {
          copy(slice, 0, head);
          share(slice, head, whole);
          copy(slice, head + whole, slice.bytes() - head - whole);
        } else {
          copy(slice, 0, slice.bytes());
        }
        checkUnchanged(slice);
        written += slice.bytes();
      } catch (IOException e) {
        throw failure("copy " + slice.object() + " to " + key, e).at(slice);
      }
    }

    private void share(Slice slice, long from, long bytes) throws IOException {
      checkUnchanged(slice);
      long at = out.flushBlocks();
      if (SharedBlocks.share(file(slice.object()), slice.offset() + from, bytes, scratch, at)) {
        out.skip(bytes);
      } else {
        copy(slice, from, bytes);
      }
    }

    private void copy(Slice slice, long from, long bytes) throws IOException {
      if (bytes == 0) {
        return;
      }
      Slice range = new Slice(slice.object(), slice.etag(), slice.offset() + from, bytes);
      if (blocks.bypassing()) {
        copyPastCache(range);
      } else {
        letKernelCopy(range);
      }
    }

    private void copyPastCache(Slice slice) throws IOException {
      byte[] buffer = new byte[(int) Math.min(COPIED_BYTES, slice.bytes())];
      try (InputStream in = open(slice)) {
        for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
          out.write(buffer, 0, read);
        }
      } catch (EOFException e) {
        throw new StoreException.Changed(slice.object());
      }
    }

    /** On some filesystems that are not local, nothing goes over the network. */
    private void letKernelCopy(Slice slice) throws IOException {
      try (FileChannel source = openUnchanged(slice)) {
        long end = slice.offset() + slice.bytes();
        for (long at = slice.offset(); at < end; ) {
          long copied = out.transferFrom(source, at, end - at);
          if (copied == 0) {
            throw new StoreException.Changed(slice.object());
          }
          at += copied;
        }
      }
    }

    @Override
    public StoredObject complete() {
      Path file = file(key);
      try {
        StoredObject finished = finish();
        inFolder(file, () -> link(file));
        syncUpwards(file);
        close();
        return finished;
      } catch (IOException e) {
        throw failure("complete " + key, e);
      }
    }

    void replace() {
      Path file = file(key);
      try {
        finish();
        inFolder(file, () -> Files.move(scratch, file, StandardCopyOption.ATOMIC_MOVE));
        syncUpwards(file);
      } catch (IOException e) {
        throw failure("overwrite " + key, e);
      }
    }

    private StoredObject finish() throws IOException {
      out.finish();
      out.close();
      StoredObject finished = stat(key, scratch).orElseThrow(this::givenUp);
      if (finished.bytes() != written) {
        throw new StoreException.Corrupt(
            key + " has " + finished.bytes() + " bytes on disk, " + written + " were written");
      }
      return finished;
    }

    private Path link(Path file) throws IOException {
      try {
        return Files.createLink(file, scratch);
      } catch (FileAlreadyExistsException e) {
        // A network filesystem may have made the link and lost the answer.
        if (Files.exists(scratch) && Files.exists(file) && Files.isSameFile(file, scratch)) {
          return file;
        }
        if (Files.isDirectory(file)) {
          throw new StoreException.Refused(
              key + " is a folder of other objects: choose another key", e);
        }
        throw new StoreException.Exists(key);
      } catch (UnsupportedOperationException e) {
        throw new StoreException.Refused(
            "the filesystem of " + directory + " has no hard links: use another one or S3", e);
      }
    }

    private <T> T inFolder(Path file, FileAction<T> action) throws IOException {
      Path folder = file.getParent();
      for (int attempt = 1; ; attempt++) {
        try {
          if (folder != null) {
            Files.createDirectories(folder);
          }
          return action.run();
        } catch (NoSuchFileException e) {
          if (attempt == FOLDER_ATTEMPTS) {
            throw e;
          }
          if (out != null && Files.notExists(scratch)) {
            throw givenUp();
          }
        } catch (FileAlreadyExistsException e) {
          // A folder that is gone again by the time it is looked at is reported like this, too.
          if (attempt == FOLDER_ATTEMPTS || Files.isRegularFile(Path.of(e.getFile()))) {
            throw new StoreException.Refused(
                key + " lies below another object: choose another key", e);
          }
        }
      }
    }

    private StoreException givenUp() {
      return new StoreException.Unavailable(
          "the upload of " + key + " took so long that it was given up: begin it again", null);
    }

    @Override
    public void close() {
      try {
        // A network filesystem may say only now that it had no room.
        out.close();
      } catch (IOException e) {
        throw failure("give up " + key, e);
      } finally {
        removeScratch();
      }
    }

    private void removeScratch() {
      try {
        deleteIfThere(scratch);
        prune(scratch.getParent(), scratchDirectory);
      } catch (IOException e) {
        throw failure("give up " + key, e);
      }
    }
  }

  @FunctionalInterface
  private interface FileAction<T> {
    T run() throws IOException;
  }
}
