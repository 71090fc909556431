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

  /** There is no such object. */
  public static final class Missing extends StoreException {
    public Missing(ObjectKey key) {
      super("the store has no object " + key, null);
    }

    @Override
    public boolean retryable() {
      return false;
    }
  }

  /** The object is not the one that was expected: its ETag has changed. */
  public static final class Changed extends StoreException {
    public Changed(ObjectKey key) {
      super("the object " + key + " has changed since it was looked at", null);
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
    private final @Nullable Slice unread;

    public Unavailable(String message, @Nullable Throwable cause) {
      super(message, cause);
      unread = null;
    }

    /** What there is of an object could not be read, or not to its end. */
    public Unavailable(Slice unread, Exception cause) {
      super(unread.object() + " could not be read: " + cause.getMessage(), cause);
      this.unread = unread;
    }

    /** What was being read of an object; empty if it is not known or was something else. */
    public Optional<Slice> unread() {
      return Optional.ofNullable(unread);
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

  /** What was stored is not what was sent. The same call finds the same again. */
  public static final class Corrupt extends StoreException {
    public Corrupt(String message) {
      super(message, null);
    }

    @Override
    public boolean retryable() {
      return false;
    }
  }
}
