/** A Kafka of one node within this process, for those who have no Kafka of their own. */
@NullMarked
package io.hybridbackup.deploy.broker;

import org.jspecify.annotations.NullMarked;
