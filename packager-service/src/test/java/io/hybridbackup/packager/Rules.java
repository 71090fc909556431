package io.hybridbackup.packager;

/** The rules that the protocol rests on; taking one out must not go unnoticed. */
enum Rules {
  AS_THEY_ARE,
  /** The store overwrites what is there instead of refusing. */
  NO_WRITE_ONCE,
  /** Whoever takes a component over has the same epoch as the one before. */
  NO_EPOCHS
}
