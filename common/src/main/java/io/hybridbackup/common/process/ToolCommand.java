package io.hybridbackup.common.process;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A native program and how to call it.
 *
 * @param arguments passed as they are, through no shell; never secrets, which every user of the
 *     machine could read
 * @param environment added to this process's own; a value may be secret and is never shown
 */
public record ToolCommand(String program, List<String> arguments, Map<String, String> environment) {
  public ToolCommand {
    arguments = List.copyOf(arguments);
    environment = Map.copyOf(environment);
  }

  public static ToolCommand of(String program, String... arguments) {
    return new ToolCommand(program, List.of(arguments), Map.of());
  }

  /** The same command with more arguments behind the present ones. */
  public ToolCommand with(List<String> more) {
    List<String> all = new ArrayList<>(arguments);
    all.addAll(more);
    return new ToolCommand(program, all, environment);
  }

  @Override
  public String toString() {
    return program + " " + String.join(" ", arguments);
  }
}
