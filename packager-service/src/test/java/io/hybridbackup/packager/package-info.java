@NullMarked
package io.hybridbackup.packager;

import org.jspecify.annotations.NullMarked;
