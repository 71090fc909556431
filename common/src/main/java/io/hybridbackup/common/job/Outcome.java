package io.hybridbackup.common.job;

/**
 * How a run ended.
 *
 * @param announcement a terminal fact
 * @param attempt the one whose archive counts; 0 if none does
 */
public record Outcome(Announcement announcement, int attempt) {}
