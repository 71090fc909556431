/** Talking to PostgreSQL: connections, the native tools' environment, and what errors mean. */
@NullMarked
package io.hybridbackup.common.database;

import org.jspecify.annotations.NullMarked;
