package io.hybridbackup.common.store;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The store did not do what was asked. */
public abstract sealed class StoreException extends RuntimeException {
  private StoreException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** Whether the same call may succeed later without anybody mending anything. */
  public abstract boolean retryable();

  /** The same, told of the slice at which it broke off; a {@link Unavailable} remembers it. */
  StoreException at(Slice slice) {
    return this;
  }

  /** There is no such object. */
  public static final class Missing extends StoreException {
    private final ObjectKey object;

    public Missing(ObjectKey key) {
      super("the store has no object " + key, null);
      this.object = key;
    }

    public ObjectKey object() {
      return object;
    }

    @Override
    public boolean retryable() {
      return false;
    }
  }

  /** The object is not the one that was expected: its ETag has changed. */
  public static final class Changed extends StoreException {
    private final ObjectKey object;

    public Changed(ObjectKey key) {
      super("the object " + key + " has changed since it was looked at", null);
      this.object = key;
    }

    public ObjectKey object() {
      return object;
    }

    @Override
    public boolean retryable() {
      return false;
    }
  }

  /** There is already an object of that key, and it was written by somebody else. */
  public static final class Exists extends StoreException {
    public Exists(ObjectKey key) {
      super("the store already has an object " + key, null);
    }

    @Override
    public boolean retryable() {
      return false;
    }
  }

  /** The store could not be reached, was busy, or broke off. */
  public static final class Unavailable extends StoreException {
    private final @Nullable Slice slice;

    public Unavailable(String message, @Nullable Throwable cause) {
      this(message, cause, null);
    }

    /**
     * @param slice as {@link #slice} gives it back
     */
    public Unavailable(String message, @Nullable Throwable cause, @Nullable Slice slice) {
      super(message, cause);
      this.slice = slice;
    }

    /**
     * What was being read or copied when it broke off, which need not be to blame; empty if it is
     * not known.
     */
    public Optional<Slice> slice() {
      return Optional.ofNullable(slice);
    }

    @Override
    StoreException at(Slice brokenOffAt) {
      return new Unavailable(String.valueOf(getMessage()), this, brokenOffAt);
    }

    @Override
    public boolean retryable() {
      return true;
    }
  }

  /**
   * The store will not do it until somebody mends something: wrong credentials, no such bucket, no
   * permission, disk full. The message says what to do.
   */
  public static final class Refused extends StoreException {
    public Refused(String message, @Nullable Throwable cause) {
      super(message, cause);
    }

    @Override
    public boolean retryable() {
      return false;
    }
  }

  /** What the store has is not what was sent to it. The same call finds the same again. */
  public static final class Corrupt extends StoreException {
    private final @Nullable Slice slice;

    public Corrupt(String message) {
      this(message, null);
    }

    /**
     * @param slice as {@link #slice} gives it back
     */
    public Corrupt(String message, @Nullable Slice slice) {
      super(message, null);
      this.slice = slice;
    }

    /**
     * What was given by the store and does not have its checksum, {@link Slice#crc64nvme}; empty if
     * it is not the content of a slice that was found to be wrong.
     */
    public Optional<Slice> slice() {
      return Optional.ofNullable(slice);
    }

    @Override
    public boolean retryable() {
      return false;
    }
  }
}
