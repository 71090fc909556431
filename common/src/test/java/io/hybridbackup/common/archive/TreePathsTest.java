package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TreePathsTest {
  @TempDir private Path folder;
  private Path tree;

  @BeforeEach
  void plant() throws IOException {
    tree = Files.createDirectory(folder.resolve("tree"));
    Files.createFile(Files.createDirectories(tree.resolve("a/b")).resolve("смета №1"));
    Files.createFile(tree.resolve("a/%41?#"));
    Files.createSymbolicLink(tree.resolve("link"), Path.of("a"));
    Files.createSymbolicLink(tree.resolve("dangling"), Path.of("nowhere"));
    Files.createFile(folder.resolve("outside"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a/b/смета №1", "a/%41?#", "link", "dangling"})
  void shouldFindFilesAndLinks(String path) throws IOException {
    assertThat(new TreePaths(tree).has(EntryPath.of(path))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "a",
        "a/b",
        "b",
        "a/b/c",
        "a/b/смета №1/x",
        "a/A?#",
        "link/b",
        "a/../a",
        "../outside",
        "/a",
        "a/",
        "a//b",
        "./a",
        "a\0"
      })
  void shouldFindNothingElse(String path) throws IOException {
    assertThat(new TreePaths(tree).has(EntryPath.of(path))).isFalse();
  }

  @Test
  void shouldNotFindSockets() throws IOException {
    try (ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      ServerSocketChannel _ = socket.bind(UnixDomainSocketAddress.of(tree.resolve("socket")));
      assertThat(new TreePaths(tree).has(EntryPath.of("socket"))).isFalse();
    }
  }
}
