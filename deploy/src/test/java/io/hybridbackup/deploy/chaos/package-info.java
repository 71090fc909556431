/**
 * Everything goes wrong, again and again, and nothing may be lost. A {@link
 * io.hybridbackup.deploy.chaos.Site} has two instances of each service as programs of their own, on
 * a real broker, a real PostgreSQL and a real S3 server. Every instance reaches the store through a
 * {@link io.hybridbackup.deploy.chaos.FaultProxy} of its own, where each {@link
 * io.hybridbackup.deploy.chaos.Step} of the protocol shows as a request. That is where {@link
 * io.hybridbackup.deploy.chaos.Faults} strike: an {@link io.hybridbackup.deploy.chaos.Aim} is a
 * {@link io.hybridbackup.deploy.chaos.Fault} at a step, dealt by a {@link
 * io.hybridbackup.deploy.chaos.Deck} as a {@link io.hybridbackup.deploy.chaos.Card}, which says all
 * that it takes to do the same again. After every {@link io.hybridbackup.deploy.chaos.Round} the
 * {@link io.hybridbackup.deploy.chaos.Inspection} looks at what is left.
 */
@NullMarked
package io.hybridbackup.deploy.chaos;

import org.jspecify.annotations.NullMarked;
