@NullMarked
package io.hybridbackup.restore;

import org.jspecify.annotations.NullMarked;
