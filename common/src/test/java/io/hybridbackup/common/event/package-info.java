@NullMarked
package io.hybridbackup.common.event;

import org.jspecify.annotations.NullMarked;
