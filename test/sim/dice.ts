import { mulberry32 } from '../support/random.ts';

/** All that a schedule leaves to chance, from one seed. */
export class Dice {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = mulberry32(seed);
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.random() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(all: readonly T[]): T {
    const one = all[Math.floor(this.random() * all.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }

  /** One of them, by weight. */
  weighted<T>(all: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.random() * all.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of all) {
      left -= weight;
      if (left < 0) return value;
    }
    return this.pick(all)[1];
  }
}
