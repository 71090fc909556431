/**
 * How work survives. A run is a series of write-once records in the object store ({@link
 * io.hybridbackup.common.job.Decisions}, named by {@link io.hybridbackup.common.job.RunKeys}):
 * whoever creates one has decided, everybody else reads it. A {@link
 * io.hybridbackup.common.job.Worker} looks through the open runs for a {@link
 * io.hybridbackup.common.job.Job}, takes it under a {@link io.hybridbackup.common.job.Lease} and
 * runs it with a {@link io.hybridbackup.common.job.Work} at hand. Events only wake workers up; what
 * they missed, the next sweep finds. {@link io.hybridbackup.common.job.OpenRuns} and {@link
 * io.hybridbackup.common.job.Leftovers} only look at what is there, for people and for sweeping.
 *
 * <h2>What is guaranteed</h2>
 *
 * Any process may die or freeze at any step, any call to the store or the broker may fail, be
 * delayed, or have its effect while its answer is lost, and any request may come again. Then:
 *
 * <ul>
 *   <li><b>No run is lost.</b> The open mark precedes the claim and is removed only after {@code
 *       told}. Whoever sweeps finds the run there, and goes on from its records.
 *   <li><b>A run ends once.</b> Claim, verdicts and outcome are decisions, and what is published is
 *       what they hold: another who comes to another end finds his refused, and publishes the one
 *       that stands. An event of one id always says the same, as its id names the epoch that made
 *       it and the event's number in that epoch, and no two workers have the same epoch. Whoever
 *       tells the end publishes first what is on record of the run and was not {@linkplain
 *       io.hybridbackup.common.job.Heard heard}, the answer to the request among it.
 *   <li><b>No result is mixed.</b> Each epoch puts its bulk in a place of its own, and the outcome
 *       of a part names that place, with ETags. A worker that was frozen and thaws finds its part
 *       decided, or decides it: it wins whole or loses, and never writes where another does.
 *   <li><b>No decision refers to what is gone.</b> What a decision may still refer to is deleted
 *       only after the one that says that it does not: bulk after the run's outcome, an archive
 *       after an outcome without it or after {@code expired}. A name, a slot, an epoch, an attempt
 *       is never used twice, so that a deletion or creation that comes late meets nothing of
 *       anybody else's.
 *   <li><b>Nothing comes back.</b> An archive counts only with its manifest and without {@code
 *       expired}, which is never removed. The manifest is written only after an outcome that names
 *       its attempt, with the bytes that the plan gives; whoever writes it late finds {@code
 *       expired} and deletes it again, and so does whoever tidies up.
 *   <li><b>Runs of one source, or to one target, follow each other.</b> The next slot is created
 *       only when the outcome of the run in the newest one stands.
 * </ul>
 *
 * All of this rests on conditional creation alone, and on no clock. Leases, deadlines and the time
 * after which a run is closed are a matter of clocks; they decide how soon something happens and
 * how much is done in vain. A creation whose answer was lost is repeated: it finds a record and
 * reads it, and if that is its own, it has won after all.
 *
 * <p>What is not guaranteed: what a worker writes that was frozen for longer than twice the lease
 * time after its run's end lies about until somebody sweeps it; and a request that the store
 * refuses to record is answered without a record, so that asked again it is another request.
 */
@NullMarked
package io.hybridbackup.common.job;

import org.jspecify.annotations.NullMarked;
