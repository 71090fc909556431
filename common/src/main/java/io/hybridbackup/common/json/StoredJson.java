package io.hybridbackup.common.json;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import tools.jackson.core.JacksonException;
import tools.jackson.core.exc.JacksonIOException;

/**
 * JSON as a small object of a store, which has limits: what is long is in gzip, and becomes about a
 * tenth.
 */
public final class StoredJson {
  /** What people may want to read is as it is. */
  static final int LONGEST_PLAIN = 1024 * 1024;

  private static final int GZIP_BUFFER = 64 * 1024;

  private StoredJson() {}

  /** UTF-8 bytes of {@code value}, or gzip of them. */
  public static byte[] write(Object value) {
    byte[] json = Json.write(value);
    return json.length <= LONGEST_PLAIN ? json : gzip(json);
  }

  private static byte[] gzip(byte[] json) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream gzip = new GZIPOutputStream(bytes, GZIP_BUFFER)) {
      gzip.write(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws JacksonException if it is not JSON or does not fit the type
   */
  public static <T> T read(byte[] stored, Class<T> type) {
    if (!isGzip(stored)) {
      return Json.read(stored, type);
    }
    try (InputStream json = new GZIPInputStream(new ByteArrayInputStream(stored), GZIP_BUFFER)) {
      return Json.mapper().readValue(json, type);
    } catch (IOException e) {
      throw JacksonIOException.construct(e);
    }
  }

  private static boolean isGzip(byte[] stored) {
    return stored.length > 1 && stored[0] == 0x1f && stored[1] == (byte) 0x8b;
  }
}
