@NullMarked
package io.hybridbackup.deploy;

import org.jspecify.annotations.NullMarked;
