package io.hybridbackup.deploy.chaos;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A request or an answer of HTTP/1.1, whole. What it says is passed on as it came, so that
 * signatures hold; only how long it is may be said in another way.
 *
 * @param start the request line or the status line
 * @param headers one line each
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record HttpMessage(String start, List<String> headers, byte[] body) {
  private static final byte[] GO_ON = "HTTP/1.1 100 Continue\r\n\r\n".getBytes(ISO_8859_1);

  /**
   * Reads a request; empty if the client has closed the connection instead.
   *
   * @param out where a client is told to go on that waits for it before it sends the body
   */
  static Optional<HttpMessage> request(InputStream in, OutputStream out) throws IOException {
    String start = line(in);
    if (start.isEmpty()) {
      return Optional.empty();
    }
    List<String> headers = headers(in);
    if (header(headers, "expect").isPresent()) {
      out.write(GO_ON);
      out.flush();
    }
    byte[] body = body(in, headers, false);
    return Optional.of(new HttpMessage(start, withoutFraming(headers), body));
  }

  /** Reads the answer to a request. */
  static HttpMessage answer(InputStream in, String method) throws IOException {
    while (true) {
      String start = line(in);
      List<String> headers = headers(in);
      int status = status(start);
      if (status == 100) {
        continue;
      }
      if (method.equals("HEAD") || status == 204 || status == 304) {
        return new HttpMessage(start, headers, new byte[0]);
      }
      byte[] body = body(in, headers, true);
      List<String> passed = new ArrayList<>(withoutFraming(headers));
      passed.add("Content-Length: " + body.length);
      return new HttpMessage(start, passed, body);
    }
  }

  /** An answer of the store that says what went wrong. */
  static HttpMessage error(int status, String code) {
    byte[] body =
        "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>chaos</Message></Error>"
            .formatted(code)
            .getBytes(ISO_8859_1);
    return new HttpMessage(
        "HTTP/1.1 " + status + " " + code,
        List.of("Content-Type: application/xml", "Content-Length: " + body.length),
        body);
  }

  String method() {
    return start.substring(0, start.indexOf(' '));
  }

  /** The path with the query, as it was sent. */
  String target() {
    return start.split(" ", 3)[1];
  }

  int status() {
    return status(start);
  }

  void writeTo(OutputStream out, List<String> more) throws IOException {
    StringBuilder head = new StringBuilder(start).append("\r\n");
    headers.forEach(header -> head.append(header).append("\r\n"));
    more.forEach(header -> head.append(header).append("\r\n"));
    out.write(head.append("\r\n").toString().getBytes(ISO_8859_1));
    out.write(body);
    out.flush();
  }

  private static int status(String start) {
    return Integer.parseInt(start.split(" ", 3)[1]);
  }

  private static List<String> withoutFraming(List<String> headers) {
    return headers.stream()
        .filter(header -> {
          String name = header.substring(0, header.indexOf(':')).toLowerCase(Locale.ROOT);
          return !List.of("expect", "connection", "transfer-encoding", "content-length")
              .contains(name);
        })
        .toList();
  }

  private static Optional<String> header(List<String> headers, String name) {
    return headers.stream()
        .filter(header -> header.toLowerCase(Locale.ROOT).startsWith(name + ":"))
        .map(header -> header.substring(name.length() + 1).strip())
        .findFirst();
  }

  private static byte[] body(InputStream in, List<String> headers, boolean untilClosed)
      throws IOException {
    Optional<String> length = header(headers, "content-length");
    if (length.isPresent()) {
      return exactly(in, Integer.parseInt(length.get()));
    }
    if (header(headers, "transfer-encoding").isPresent()) {
      return chunks(in);
    }
    return untilClosed ? in.readAllBytes() : new byte[0];
  }

  private static byte[] chunks(InputStream in) throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    while (true) {
      int size = Integer.parseInt(line(in).split(";", 2)[0].strip(), 16);
      body.writeBytes(exactly(in, size));
      String end = line(in);
      if (size == 0) {
        return body.toByteArray();
      }
      if (!end.isEmpty()) {
        throw new IOException("no end of a chunk: " + end);
      }
    }
  }

  private static byte[] exactly(InputStream in, int length) throws IOException {
    byte[] bytes = in.readNBytes(length);
    if (bytes.length < length) {
      throw new EOFException("broke off after " + bytes.length + " of " + length + " bytes");
    }
    return bytes;
  }

  private static List<String> headers(InputStream in) throws IOException {
    List<String> headers = new ArrayList<>();
    for (String line = line(in); !line.isEmpty(); line = line(in)) {
      headers.add(line);
    }
    return headers;
  }

  /** A line without its end; empty also at the end of the stream. */
  private static String line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int next = in.read(); next >= 0 && next != '\n'; next = in.read()) {
      line.write(next);
    }
    String text = line.toString(ISO_8859_1);
    return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
  }
}
