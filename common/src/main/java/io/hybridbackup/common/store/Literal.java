package io.hybridbackup.common.store;

import com.fasterxml.jackson.annotation.JsonIgnore;

/** Bytes that are given, few of them; in JSON as base 64. The array is not copied. */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Literal(byte[] content) implements Piece {
  public Literal {
    if (content.length == 0) {
      throw new IllegalArgumentException("an empty literal says nothing");
    }
  }

  @Override
  @JsonIgnore
  public long bytes() {
    return content.length;
  }
}
