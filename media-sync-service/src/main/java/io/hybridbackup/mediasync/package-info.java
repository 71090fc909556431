@NullMarked
package io.hybridbackup.mediasync;

import org.jspecify.annotations.NullMarked;
