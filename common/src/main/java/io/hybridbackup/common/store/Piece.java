package io.hybridbackup.common.store;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;

/** One stretch of an object that is put together from others. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "piece")
@JsonSubTypes({
  @JsonSubTypes.Type(value = Slice.class, name = "slice"),
  @JsonSubTypes.Type(value = Literal.class, name = "literal")
})
public sealed interface Piece permits Slice, Literal {
  /** Its length, at least 1. */
  long bytes();
}
