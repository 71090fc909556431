/**
 * How events travel. {@link io.hybridbackup.common.messaging.Topics} names the topics, and {@link
 * io.hybridbackup.common.messaging.TopicProvisioner} sees to it that they exist before anything
 * else starts. {@link io.hybridbackup.common.messaging.EventPublisher} publishes, {@link
 * io.hybridbackup.common.messaging.RequestListener} takes requests as one of a group, and {@link
 * io.hybridbackup.common.messaging.TopicListener} hears every event of a topic.
 *
 * <p>A request is not lost: it is acknowledged when its handler returns, waits while the store is
 * away, and is a dead letter if nobody can read it. A fact may be missed, for it only wakes people
 * up: the truth is in the records in the store.
 */
@NullMarked
package io.hybridbackup.common.messaging;

import org.jspecify.annotations.NullMarked;
