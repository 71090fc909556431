package io.hybridbackup.common.store;

import java.io.IOException;
import java.io.OutputStream;

/**
 * An object on its way into the store. Nothing is visible under its key before {@link #complete}.
 * Closing without completing gives the upload up and leaves nothing behind; closing after
 * completing does nothing. Not for use by several threads.
 */
public abstract class Upload extends OutputStream {
  /**
   * Makes the object visible, whole and durable, if its key is still free, after checking that the
   * store has as many bytes as were written.
   *
   * @throws StoreException.Exists if the key has been taken by another writer; nothing is changed
   * @throws StoreException if the store failed; the upload is given up on {@link #close}
   */
  public abstract StoredObject complete();

  /** Gives the upload up unless it has been completed. */
  @Override
  public abstract void close() throws IOException;
}
