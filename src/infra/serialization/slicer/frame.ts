import type { WalkContext } from './walk-context.ts';

/**
 * One value that is too big to be written at once, half way through. The walker keeps a stack of frames and always steps
 * the top one.
 */
export abstract class WalkFrame {
  /**
   * Does about `runUnits` of work at most, charges it to the walk and returns; pops itself when it is done. After
   * anything that may have pushed a child (the walk's methods return true then) it has to return at once.
   */
  abstract step(walk: WalkContext): void;

  /** What this frame adds to the path of an error. */
  pathSegment(): string {
    return '';
  }

  /** The job failed or was cancelled with this frame open. */
  abandon(): void {}
}
