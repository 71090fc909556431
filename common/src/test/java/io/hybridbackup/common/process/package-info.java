@NullMarked
package io.hybridbackup.common.process;

import org.jspecify.annotations.NullMarked;
