import type { Walker } from './walker.ts';

/**
 * One value that is too big to be written at once, half way through. The walker keeps a stack of frames and always steps
 * the top one.
 */
export abstract class Frame {
  /**
   * Does about `runUnits` of work at most, charges it to the walker and returns; pops itself when it is done. After
   * anything that may have pushed a child (the walker's methods return true then) it has to return at once.
   */
  abstract step(walker: Walker): void;

  /** What this frame adds to the path of an error. */
  pathSegment(): string {
    return '';
  }

  /** The job failed or was cancelled with this frame open. */
  abandon(): void {}
}
