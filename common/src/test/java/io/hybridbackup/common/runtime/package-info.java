@NullMarked
package io.hybridbackup.common.runtime;

import org.jspecify.annotations.NullMarked;
