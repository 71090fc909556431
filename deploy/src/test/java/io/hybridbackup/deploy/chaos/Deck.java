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
 * any of them again. What was dealt in vain comes first in the next round.
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

  List<Aim> deal() {
    List<Aim> hand = new ArrayList<>();
    severe.deal(SEVERE, hand);
    mild.deal(MILD, hand);
    return hand;
  }

  void putBack(Collection<Aim> missed) {
    missed.forEach(aim -> (aim.fault().isSevere() ? severe : mild).putBack(aim));
  }

  private static final class Pile {
    private final List<Aim> all;
    private final Random random;
    private final Deque<Aim> left = new ArrayDeque<>();

    Pile(List<Aim> all, Random random) {
      this.all = all;
      this.random = random;
    }

    void deal(int count, List<Aim> hand) {
      for (int n = 0; n < count && !all.isEmpty(); n++) {
        if (left.isEmpty()) {
          List<Aim> shuffled = new ArrayList<>(all);
          Collections.shuffle(shuffled, random);
          left.addAll(shuffled);
        }
        hand.add(left.pop());
      }
    }

    void putBack(Aim aim) {
      left.push(aim);
    }
  }
}
