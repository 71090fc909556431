package io.hybridbackup.deploy.doctor;

import io.hybridbackup.deploy.doctor.Finding.Level;
import java.util.ArrayList;
import java.util.List;

/** What one examination has found so far. */
final class Findings {
  private final List<Finding> found = new ArrayList<>();

  void ok(String area, String text) {
    add(new Finding(area, Level.OK, text, null));
  }

  void warning(String area, String text, String cure) {
    add(new Finding(area, Level.WARNING, text, cure));
  }

  void problem(String area, String text, String cure) {
    add(new Finding(area, Level.PROBLEM, text, cure));
  }

  /** A problem that the services would name with these words: the cure comes last. */
  void problem(String area, Exception failure) {
    String said = failure.getMessage() == null ? failure.toString() : failure.getMessage();
    int cure = said.lastIndexOf("; ");
    if (cure > 0) {
      problem(area, said.substring(0, cure), said.substring(cure + 2));
    } else {
      problem(area, said, "see to that, then look again");
    }
  }

  private synchronized void add(Finding finding) {
    found.add(finding);
  }

  synchronized List<Finding> all() {
    return List.copyOf(found);
  }
}
