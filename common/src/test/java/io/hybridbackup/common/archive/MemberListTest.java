package io.hybridbackup.common.archive;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MemberListTest {
  private static IndexLine.Span member(int number) {
    byte[] content = {(byte) number, (byte) (number >> 8), (byte) (number >> 16)};
    return new IndexLine.Span(
        5_000_000_000L * number,
        Integer.MAX_VALUE - number,
        number + 1,
        Sha256.of(content, content.length),
        "%016x".formatted(-1L - number));
  }

  @Test
  void shouldKeepWhatIsTold() {
    // given
    MemberList members = new MemberList();

    // when
    for (int number = 0; number < 10_000; number++) {
      members.add(member(number), -number);
    }

    // then
    assertThat(members.size()).isEqualTo(10_000);
    for (int number = 0; number < 10_000; number++) {
      assertThat(members.get(number)).isEqualTo(member(number));
      assertThat(members.note(number)).isEqualTo(-number);
    }
    assertThat(members.isOf(77, member(77).sha256())).isTrue();
    assertThat(members.isOf(77, member(78).sha256())).isFalse();
  }

  @Test
  void shouldKeepTheNumbersOfWhatIsLeft() {
    // given
    MemberList members = new MemberList();
    int added = 0;

    // when more are added than removed
    for (int round = 0; round < 20; round++) {
      for (int i = 0; i < 1500; i++) {
        members.add(member(added++), 0);
      }
      for (int i = 0; i < 1000; i++) {
        members.removeFirst();
      }

      // then
      assertThat(members.first()).isEqualTo((round + 1) * 1000);
      assertThat(members.get(members.first())).isEqualTo(member(members.first()));
      assertThat(members.get(added - 1)).isEqualTo(member(added - 1));
    }
  }

  @Test
  void shouldGoOnWhereNoneIsLeft() {
    MemberList members = new MemberList();
    for (int number = 0; number < 9000; number++) {
      members.add(member(number), 0);
      assertThat(members.get(number)).isEqualTo(member(number));
      members.removeFirst();
      assertThat(members.first()).isEqualTo(members.size());
    }
  }
}
