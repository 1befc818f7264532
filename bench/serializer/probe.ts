import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Preemptions } from './preemptions.ts';

const preemptions = new Preemptions();

/**
 * Measures how long the event loop is held, exactly: it runs in every turn of the loop and notes the time since the turn
 * before. (A timer would miss what happens between its ticks, and `monitorEventLoopDelay` is a timer.) It keeps the loop
 * spinning, so CPU time has to be measured in another run.
 */
export class LoopProbe {
  readonly #gaps: number[] = [];
  #undisturbedMs = NaN;
  #last = 0;
  #preemptions = 0;
  #immediate: NodeJS.Immediate | undefined;

  start(): void {
    this.#preemptions = preemptions.count;
    this.#last = performance.now();
    this.#arm();
  }

  stop(): void {
    clearImmediate(this.#immediate);
    this.#note();
  }

  get longestMs(): number {
    return this.#gaps.reduce((longest, gap) => Math.max(longest, gap), 0);
  }

  /** The longest of those turns in which the thread kept its core; NaN where there is none. */
  get undisturbedMs(): number {
    return this.#undisturbedMs;
  }

  /** By time: whoever comes at a random moment meets a shorter block in 99 of 100 cases. */
  get p99Ms(): number {
    const sorted = this.#gaps.toSorted((one, other) => other - one);
    const total = sorted.reduce((sum, gap) => sum + gap, 0);
    let seen = 0;
    for (const gap of sorted) {
      seen += gap;
      if (seen >= total / 100) return gap;
    }
    return 0;
  }

  #arm(): void {
    this.#immediate = setImmediate(() => {
      this.#note();
      this.#arm();
    });
  }

  #note(): void {
    const gap = performance.now() - this.#last;
    const { count } = preemptions;
    this.#gaps.push(gap);
    if (count === this.#preemptions && !(gap <= this.#undisturbedMs)) this.#undisturbedMs = gap;
    this.#preemptions = count;
    this.#last = performance.now();
  }
}

/** Counts major collections of the main thread while it is open. */
export class MajorGcCounter {
  #count = 0;
  readonly #observer = new PerformanceObserver((list) => this.#add(list.getEntries()));

  start(): void {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): number {
    this.#add(this.#observer.takeRecords());
    this.#observer.disconnect();
    return this.#count;
  }

  #add(entries: readonly object[]): void {
    for (const entry of entries) {
      const detail: unknown = 'detail' in entry ? entry.detail : undefined;
      if (typeof detail !== 'object' || detail === null || !('kind' in detail)) continue;
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) this.#count++;
    }
  }
}

setFlagsFromString('--expose-gc');
const gc: unknown = runInNewContext('gc');

/** A full collection, and the time that its background threads need, so that no run pays for the garbage of the one before. */
export async function settle(): Promise<void> {
  if (typeof gc === 'function') gc();
  await setTimeout(40);
}

/** Bytes of values and buffers. */
export function memoryInUse(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The loop's next turn. */
export async function nextTurn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
