package io.hybridbackup.deploy.broker;

import java.nio.file.Path;

/** A broker in a JVM of its own, that a test can kill. */
public final class BrokerProcess {
  public static final String READY = "the broker is ready";

  private BrokerProcess() {}

  public static void main(String[] arguments) throws Exception {
    EmbeddedBroker.start(Path.of(arguments[0]), arguments[1]);
    System.out.println(READY);
  }
}
