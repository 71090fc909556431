/**
 * How work survives. A run is a series of write-once records in the object store ({@link
 * io.hybridbackup.common.job.Decisions}, named by {@link io.hybridbackup.common.job.RunKeys}):
 * whoever creates one has decided, everybody else reads it. A {@link
 * io.hybridbackup.common.job.Worker} looks through the open runs for a {@link
 * io.hybridbackup.common.job.Job}, takes it under a {@link io.hybridbackup.common.job.Lease} and
 * runs it with a {@link io.hybridbackup.common.job.Work} at hand. Events only wake workers up; what
 * they missed, the next sweep finds. {@link io.hybridbackup.common.job.OpenRuns} and {@link
 * io.hybridbackup.common.job.Leftovers} only look at what is there, for people and for sweeping.
 */
@NullMarked
package io.hybridbackup.common.job;

import org.jspecify.annotations.NullMarked;
