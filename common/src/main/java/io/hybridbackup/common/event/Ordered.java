package io.hybridbackup.common.event;

import io.hybridbackup.common.identity.Component;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Unmodifiable copies whose order is fixed, so that an event is the same bytes every time. */
final class Ordered {
  private Ordered() {}

  static Set<Component> components(Collection<Component> components) {
    EnumSet<Component> ordered = EnumSet.noneOf(Component.class);
    ordered.addAll(components);
    return Collections.unmodifiableSet(ordered);
  }

  static Map<Component, String> byComponent(Map<Component, String> values) {
    Map<Component, String> ordered = new EnumMap<>(Component.class);
    ordered.putAll(values);
    return Collections.unmodifiableMap(ordered);
  }

  static Map<String, Duration> phases(Map<String, Duration> durations) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(durations));
  }
}
