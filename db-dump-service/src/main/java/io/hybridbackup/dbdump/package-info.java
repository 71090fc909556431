@NullMarked
package io.hybridbackup.dbdump;

import org.jspecify.annotations.NullMarked;
