package io.hybridbackup.common.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import org.testcontainers.images.builder.Transferable;
import org.testcontainers.postgresql.PostgreSQLContainer;
import org.testcontainers.utility.DockerImageName;

/** A server in a container, on one port of the loopback address for all its life. */
final class ContainerPostgres implements PostgresTestServer.Engine {
  private static final DockerImageName IMAGE =
      DockerImageName.parse(
              System.getProperty("hybrid-backup.test.postgres-image", "postgres:15-alpine"))
          .asCompatibleSubstituteFor("postgres");
  private static final String ACCESS_FILE = "/etc/pg_hba.conf";

  private final PostgreSQLContainer container;
  private final int port;

  ContainerPostgres() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    container =
        new PostgreSQLContainer(IMAGE)
            .withUsername(PostgresTestServer.USER)
            .withPassword(PostgresTestServer.PASSWORD)
            .withDatabaseName("postgres")
            .withCopyToContainer(Transferable.of(PostgresTestServer.ACCESS), ACCESS_FILE)
            .withCommand(
                "postgres",
                "-c",
                "hba_file=" + ACCESS_FILE,
                "-c",
                "fsync=off",
                "-c",
                "wal_level=logical",
                "-c",
                "max_prepared_transactions=8");
    container.setPortBindings(List.of(PostgresTestServer.HOST + ":" + port + ":5432"));
  }

  @Override
  public int port() {
    return port;
  }

  @Override
  public void start() {
    if (container.getContainerId() == null) {
      container.start();
    } else {
      container.getDockerClient().startContainerCmd(container.getContainerId()).exec();
    }
  }

  @Override
  public boolean isRunning() {
    return container.isRunning();
  }

  @Override
  public String log() {
    return container.getLogs();
  }

  @Override
  public void stop() {
    if (container.isRunning()) {
      container.getDockerClient().stopContainerCmd(container.getContainerId()).exec();
    }
  }

  @Override
  public void remove() {
    container.close();
  }
}
