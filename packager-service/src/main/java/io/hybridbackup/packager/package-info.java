/**
 * Joins the parts of a backup into one archive. {@link io.hybridbackup.packager.BackupRequests}
 * answers requests; a {@link io.hybridbackup.packager.Coordination} then leads a run from record to
 * record, attempt by attempt, to its outcome; {@link io.hybridbackup.packager.Planner} says what
 * the archive consists of; {@link io.hybridbackup.packager.Ending} makes the manifest appear, tells
 * the world, and tidies up.
 */
@NullMarked
package io.hybridbackup.packager;

import org.jspecify.annotations.NullMarked;
