package io.hybridbackup.deploy.broker;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where the embedded broker listens. It knows no passwords, so it listens to this machine alone.
 *
 * @param host as it is written; an IPv6 address in brackets
 */
record ListenAddress(String host, int port) {
  private static final String PROPERTY = "hybrid-backup.kafka.bootstrap-servers";
  private static final Pattern FORM = Pattern.compile("(.+):(\\d+)");

  static ListenAddress of(String bootstrapServers) throws BrokerException {
    Matcher matcher = FORM.matcher(bootstrapServers);
    if (bootstrapServers.contains(",") || !matcher.matches()) {
      throw new BrokerException(
          PROPERTY
              + ": '"
              + bootstrapServers
              + "' is not one address; standalone listens there itself, so write one, such as"
              + " 127.0.0.1:9092",
          null);
    }
    ListenAddress address = new ListenAddress(matcher.group(1), Integer.parseInt(matcher.group(2)));
    if (!address.resolve().isLoopbackAddress()) {
      throw new BrokerException(
          PROPERTY
              + ": '"
              + address.host
              + "' is not a loopback address; standalone starts a broker without passwords that"
              + " must not be reached from elsewhere, so write 127.0.0.1:"
              + address.port
              + ", or run the four services against a Kafka of your own",
          null);
    }
    return address;
  }

  /** Makes sure that nothing listens there. */
  void requireFree() throws BrokerException {
    try (ServerSocket socket = new ServerSocket(port, 1, resolve())) {
      socket.getLocalPort();
    } catch (IOException e) {
      throw new BrokerException(
          "port "
              + port
              + " of "
              + host
              + " is taken by "
              + PortHolder.describe(port)
              + "; stop that, or write another port in "
              + PROPERTY,
          e);
    }
  }

  private InetAddress resolve() throws BrokerException {
    try {
      return InetAddress.getByName(host);
    } catch (UnknownHostException e) {
      throw new BrokerException(
          PROPERTY + ": the host '" + host + "' is not known; write 127.0.0.1:" + port, e);
    }
  }

  @Override
  public String toString() {
    return host + ":" + port;
  }
}
