package io.hybridbackup.packager;

/** The rules that the protocol rests on; taking one out must not go unnoticed. */
enum Rules {
  AS_THEY_ARE,
  /** The store overwrites what is there instead of refusing. */
  NO_WRITE_ONCE,
  /** All epochs of a component put their bulk in the same place. */
  SHARED_BULK,
  /** Whoever takes a component over has the same epoch as the one before. */
  NO_EPOCHS
}
