@NullMarked
package io.hybridbackup.common.messaging;

import org.jspecify.annotations.NullMarked;
