package io.hybridbackup.common.job;

/** A record that says nothing but its fact. */
public record Told(Announcement announcement) {}
