package io.hybridbackup.deploy.doctor;

import org.jspecify.annotations.Nullable;

/**
 * One thing that was looked at.
 *
 * @param area such as {@code broker} or {@code source edms}
 * @param cure what to do about it; nothing if it is as it should be
 */
record Finding(String area, Level level, String text, @Nullable String cure) {
  enum Level {
    OK,
    /** Works, though not as well or as safely as it could. */
    WARNING,
    /** A backup or a restore will fail, or wait for ever. */
    PROBLEM
  }
}
