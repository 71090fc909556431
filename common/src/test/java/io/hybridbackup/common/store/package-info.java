@NullMarked
package io.hybridbackup.common.store;

import org.jspecify.annotations.NullMarked;
