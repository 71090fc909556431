package io.hybridbackup.common.job;

import io.hybridbackup.common.identity.RunId;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What is on record beside an archive's name: whose it is, for ever. */
public record Reservation(RunId run, int attempt) {
  private static final Pattern FORM = Pattern.compile("(\\S+) attempt ([1-9]\\d{0,8})\n");

  public byte[] toBytes() {
    return (run + " attempt " + attempt + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Empty if this version cannot read it. */
  static Optional<Reservation> read(byte[] bytes) {
    Matcher form = FORM.matcher(new String(bytes, StandardCharsets.UTF_8));
    return form.matches()
        ? RunId.ifValid(form.group(1))
            .map(run -> new Reservation(run, Integer.parseInt(form.group(2))))
        : Optional.empty();
  }
}
