package io.hybridbackup.common.job;

import io.hybridbackup.common.event.Envelope;
import io.hybridbackup.common.event.Fact;
import io.hybridbackup.common.event.Fact.ComponentProgressed;
import io.hybridbackup.common.event.Fact.RestoreProgressed;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The facts that were heard lately: they have been published, by whomever. What is not among them
 * may have been published as well, and publishing it again does no harm.
 */
public final class Heard {
  private static final int REMEMBERED = 10_000;

  private final Set<String> ids =
      Collections.synchronizedSet(
          Collections.newSetFromMap(
              new LinkedHashMap<>() {
                @Override
                protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
                  return size() > REMEMBERED;
                }
              }));

  /** Progress is passed over: it is never published again, and there is much of it. */
  public void hear(Envelope envelope) {
    if (envelope.data() instanceof Fact fact
        && !(fact instanceof ComponentProgressed)
        && !(fact instanceof RestoreProgressed)
        && envelope.id() != null) {
      boolean _ = ids.add(envelope.id());
    }
  }

  public boolean has(Announcement announcement) {
    String id = announcement.envelope().id();
    return id != null && ids.contains(id);
  }
}
