package io.hybridbackup.deploy.chaos;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;

/**
 * Deals the aims of each round in an order that the seed determines, every one of them once before
 * any of them again. What was dealt in vain comes first in the next round: therefore a hand depends
 * on what was hit before, and a round is played again by its cards.
 */
final class Deck {
  private static final int SEVERE = 3;

  /** There are more of them, and they take less time. */
  private static final int MILD = 4;

  private final Pile severe;
  private final Pile mild;

  Deck(List<Aim> aims, long seed) {
    Random random = new Random(seed);
    severe = new Pile(aims.stream().filter(aim -> aim.fault().isSevere()).toList(), random);
    mild = new Pile(aims.stream().filter(aim -> !aim.fault().isSevere()).toList(), random);
  }

  List<Card> deal() {
    List<Card> hand = new ArrayList<>();
    severe.deal(SEVERE, hand);
    mild.deal(MILD, hand);
    return hand;
  }

  void putBack(Collection<Card> missed) {
    missed.forEach(card -> (card.aim().fault().isSevere() ? severe : mild).putBack(card));
  }

  private static final class Pile {
    private final List<Aim> all;
    private final Random random;
    private final Deque<Card> left = new ArrayDeque<>();
    private int turn;

    Pile(List<Aim> all, Random random) {
      this.all = all;
      this.random = random;
    }

    void deal(int count, List<Card> hand) {
      for (int n = 0; n < count && !all.isEmpty(); n++) {
        if (left.isEmpty()) {
          List<Aim> shuffled = new ArrayList<>(all);
          Collections.shuffle(shuffled, random);
          shuffled.forEach(aim -> left.add(new Card(aim, turn)));
          turn++;
        }
        hand.add(left.pop());
      }
    }

    void putBack(Card card) {
      left.push(card);
    }
  }
}
