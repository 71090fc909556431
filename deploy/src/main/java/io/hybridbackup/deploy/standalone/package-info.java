/** All services and their broker in one process. */
@NullMarked
package io.hybridbackup.deploy.standalone;

import org.jspecify.annotations.NullMarked;
