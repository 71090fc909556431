package io.hybridbackup.deploy.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DeckTest {
  private static final List<Aim> AIMS = Aim.all();

  @Test
  void shouldDealTheSameForTheSameSeed() {
    assertThat(dealt(new Deck(AIMS, 7), 50))
        .isEqualTo(dealt(new Deck(AIMS, 7), 50))
        .isNotEqualTo(dealt(new Deck(AIMS, 8), 50));
  }

  @Test
  void shouldDealEveryPairOnceMoreThanThreeTimesInTwoHundredRounds() {
    // when
    List<Aim> dealt = dealt(new Deck(AIMS, 7), 200).stream().map(Card::aim).toList();

    // then
    assertThat(AIMS)
        .allSatisfy(aim -> assertThat(dealt.stream().filter(aim::equals)).hasSizeBetween(4, 5));
  }

  @Test
  void shouldDealFirstWhatWasDealtInVain() {
    // given
    Deck deck = new Deck(AIMS, 7);
    List<Card> hand = deck.deal();

    // when
    deck.putBack(hand);

    // then
    assertThat(deck.deal()).containsExactlyInAnyOrderElementsOf(hand);
  }

  @Test
  void shouldDealEveryPairWithEachMomentInTurn() {
    // when
    List<Card> dealt = dealt(new Deck(AIMS, 7), 200);

    // then
    assertThat(dealt.stream().filter(card -> card.aim().equals(new Aim(Fault.KILL, Step.PLAN))))
        .extracting(Card::turn)
        .startsWith(0, 1, 2, 3);
    assertThat(dealt.stream().filter(card -> card.aim().equals(new Aim(Fault.KILL, Step.PLAN))))
        .extracting(Card::moment)
        .contains(Faults.Moment.values());
  }

  @Test
  void shouldReadEveryCardAsItIsWritten() {
    assertThat(dealt(new Deck(AIMS, 7), 200))
        .allSatisfy(card -> assertThat(Card.parse(card.toString())).isEqualTo(card));
  }

  private static List<Card> dealt(Deck deck, int rounds) {
    List<Card> dealt = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      dealt.addAll(deck.deal());
    }
    return dealt;
  }
}
