/**
 * The command line: a client of the topics and of the object store like any other. A command
 * publishes a request and follows the facts of its run, or reads the archives in the store.
 */
@NullMarked
package io.hybridbackup.deploy.cli;

import org.jspecify.annotations.NullMarked;
