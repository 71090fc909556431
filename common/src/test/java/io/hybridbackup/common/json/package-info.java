@NullMarked
package io.hybridbackup.common.json;

import org.jspecify.annotations.NullMarked;
