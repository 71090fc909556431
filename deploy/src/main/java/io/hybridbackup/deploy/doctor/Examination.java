package io.hybridbackup.deploy.doctor;

/** Looks at one thing. */
interface Examination {
  /** What it looks at, for when it does not come back. */
  String area();

  /** Adds one finding after the other; what it throws is a problem of its area. */
  void examine(Findings findings) throws Exception;
}
