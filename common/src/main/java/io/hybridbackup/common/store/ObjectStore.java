package io.hybridbackup.common.store;

import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Shared storage for objects that are written once.
 *
 * <p>All coordination rests on one guarantee: of several writers that create the same key at the
 * same time exactly one succeeds ({@link #create}, {@link Upload#complete}, {@link #compose}). What
 * has been created is durable and is seen whole by every later call, wherever it is made. Only
 * {@link #overwrite} changes an object.
 *
 * <p>Every method may throw {@link StoreException.Unavailable} (try again later) or {@link
 * StoreException.Refused} (somebody has to mend something first). Instances are safe for use by
 * many threads.
 */
public interface ObjectStore extends AutoCloseable {
  /** What the store knows of the object; empty if there is none. */
  Optional<StoredObject> find(ObjectKey key);

  /** The whole content of a small object; empty if there is none. */
  Optional<byte[]> read(ObjectKey key);

  /**
   * Opens a range of an object for reading. The caller closes the stream. A stream that ends before
   * {@code bytes} bytes throws {@link java.io.IOException}; it never looks like a shorter range.
   *
   * @throws StoreException.Missing if there is no such object
   * @throws StoreException.Changed if it no longer has the slice's ETag; where an object can be cut
   *     short in place, reading the stream throws this too
   */
  InputStream open(Slice slice);

  /**
   * Creates a small object (at most 5 MiB) if its key is free.
   *
   * @return true if this call made the object (also when an answer was lost on the way and the
   *     content found is this call's own); false if the key was taken: nothing is changed then
   */
  boolean create(ObjectKey key, byte[] content);

  /** Writes a small object, whether or not there is one: heartbeats, which are never decisions. */
  void overwrite(ObjectKey key, byte[] content);

  /** Begins an object of unknown size, at most 3 TiB. The caller closes the upload. */
  Upload upload(ObjectKey key);

  /**
   * Creates an object out of pieces, in their order, as far as the store is able to without moving
   * the bytes through this process.
   *
   * @param pieces at least one; any lengths
   * @throws StoreException.Exists if the key has been taken; nothing is changed
   * @throws StoreException.Missing if a slice's object is gone; nothing is left behind
   * @throws StoreException.Changed if a slice's object has changed; nothing is left behind
   * @throws StoreException.Corrupt if a slice does not have its checksum, which is looked at only
   *     where all of it goes from one machine through this process to another; nothing is left
   *     behind
   */
  StoredObject compose(ObjectKey key, List<Piece> pieces);

  /**
   * Where a slice lies in its object, and where in the object that is being composed of it, should
   * differ by a multiple of this: then its whole blocks are not copied, both objects have them in
   * common.
   *
   * @return in bytes, a power of two; 1 if nothing is gained by that, or the store has not been
   *     probed
   */
  int sharedBlockBytes();

  /**
   * The checksum of a whole object as the store has it, independent of what was sent: kept by the
   * store itself, or computed from what lies on its disk.
   *
   * @return CRC64NVME, 16 hex digits; empty if the store keeps none
   * @throws StoreException.Missing if there is no such object
   */
  Optional<String> checksum(ObjectKey key);

  /** Deletes an object; one that does not exist is deleted already. */
  void delete(ObjectKey key);

  /**
   * Every object whose key begins with the segments of {@code folder}, sorted by key.
   *
   * @param folder without a slash at its end, such as {@code runs/abc}
   */
  List<StoredObject> list(String folder);

  /**
   * The names directly below a folder, objects' and folders' alike, sorted, each once. Cheap even
   * where much lies deeper.
   */
  List<String> children(String folder);

  /**
   * Gives up uploads to the key {@code folder}, and to keys below it, that were begun longer than
   * {@code age} ago and never completed.
   *
   * @return how many there were
   */
  int abortUploads(String folder, Duration age);

  /**
   * Finds out by trying what the store really does, under a key of its own, and cleans up.
   *
   * @throws StoreException.Refused if it cannot be read and written at all
   */
  StoreCapabilities probe();

  /** Lets go of connections. Objects stay. */
  @Override
  void close();
}
