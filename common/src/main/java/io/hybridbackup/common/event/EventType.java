package io.hybridbackup.common.event;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The CloudEvents type of a kind of event: {@code io.hybridbackup.<name of the record>.v1}.
 *
 * @param data the record that carries the data
 */
public record EventType(String name, Class<? extends Event> data) {
  private static final List<EventType> ALL = leaves(Event.class);
  private static final Map<String, EventType> BY_NAME =
      ALL.stream().collect(Collectors.toUnmodifiableMap(EventType::name, Function.identity()));

  /** Every type there is: requests, facts and states. */
  public static List<EventType> all() {
    return ALL;
  }

  public static EventType of(Event event) {
    return of(event.getClass());
  }

  /** The type of that name; empty if this version knows none. */
  public static Optional<EventType> named(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  private static EventType of(Class<? extends Event> data) {
    return new EventType("io.hybridbackup." + data.getSimpleName() + ".v1", data);
  }

  private static List<EventType> leaves(Class<? extends Event> type) {
    if (!type.isSealed()) {
      return List.of(of(type));
    }
    List<EventType> types = new ArrayList<>();
    for (Class<?> below : type.getPermittedSubclasses()) {
      types.addAll(leaves(below.asSubclass(Event.class)));
    }
    return types.stream().distinct().toList();
  }

  @Override
  public String toString() {
    return name;
  }
}
