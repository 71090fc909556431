@NullMarked
package io.hybridbackup.common.manifest;

import org.jspecify.annotations.NullMarked;
