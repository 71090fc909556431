/** The one JSON mapper that every record, event and manifest goes through. */
@NullMarked
package io.hybridbackup.common.json;

import org.jspecify.annotations.NullMarked;
