package io.hybridbackup.deploy.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ListenAddressTest {
  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.0.0.2:9092"})
  void shouldTakeALoopbackAddress(String address) throws Exception {
    assertThat(ListenAddress.of(address)).hasToString(address);
  }

  @ParameterizedTest
  @ValueSource(strings = {"192.0.2.1:9092", "0.0.0.0:9092"})
  void shouldRefuseAnAddressThatOthersReach(String address) {
    assertThatThrownBy(() -> ListenAddress.of(address))
        .isInstanceOf(BrokerException.class)
        .hasMessageContaining("is not a loopback address")
        .hasMessageContaining("write 127.0.0.1:9092");
  }

  @Test
  void shouldRefuseSeveralAddresses() {
    assertThatThrownBy(() -> ListenAddress.of("127.0.0.1:9092,127.0.0.1:9093"))
        .isInstanceOf(BrokerException.class)
        .hasMessageContaining("is not one address");
  }
}
