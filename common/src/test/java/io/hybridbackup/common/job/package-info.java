@NullMarked
package io.hybridbackup.common.job;

import org.jspecify.annotations.NullMarked;
