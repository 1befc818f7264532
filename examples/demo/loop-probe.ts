import { performance } from 'node:perf_hooks';

const PERIOD_MS = 1;

/** Long enough for the kernel to let the thread sleep. */
const NAP_MS = 0.01;

/** How long the event loop did not turn, at the most. */
export interface Block {
  /** Of the longest turn, by the clock. */
  readonly ms: number;
  /**
   * Of the turn in which our thread was on the CPU for longest, the time that it was: our own code and V8's. What a turn took beyond that it
   * waited, for a core or within the kernel, which is the host's doing.
   */
  readonly runningMs: number;
}

/** What a turn may take beyond our own code before it is worth a word. */
const HOST_MS = 5;

const NONE: Block = { ms: 0, runningMs: 0 };

/** Measures how long the event loop was held at a time: the number that this library is about. */
export class LoopProbe {
  #longest = NONE;
  #lastAt = 0;
  #lastCpuMs = 0;
  readonly #nap = new Int32Array(new SharedArrayBuffer(4));
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.reset();
    this.#timer = setInterval(() => this.#tick(), PERIOD_MS);
  }

  /** Forgets what it has seen, for a new measurement. */
  reset(): void {
    this.#longest = NONE;
    this.#lastAt = performance.now();
    this.#lastCpuMs = threadCpuMs();
  }

  /** Since the last reset. */
  get longestBlock(): Block {
    return this.#longest;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    const ms = now - this.#lastAt - PERIOD_MS;
    const longest = this.#longest;
    // the kernel adds up a thread's CPU time when it sleeps, and else only at its own ticks, some milliseconds apart
    if (ms > longest.runningMs) Atomics.wait(this.#nap, 0, 0, NAP_MS);
    const cpuMs = threadCpuMs();
    if (ms > longest.runningMs) {
      const runningMs = Math.min(ms, cpuMs - this.#lastCpuMs);
      this.#longest = { ms: Math.max(ms, longest.ms), runningMs: Math.max(runningMs, longest.runningMs) };
    }
    this.#lastAt = now;
    this.#lastCpuMs = cpuMs;
  }
}

/** CPU time of this thread alone, not of the workers. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** For the terminal. */
export function formatBlock({ ms, runningMs }: Block): string {
  const host =
    ms - runningMs > HOST_MS ? ` (a turn took ${ms.toFixed(1)} ms, because the machine had no core for it)` : '';
  return `${runningMs.toFixed(1)} ms${host}`;
}
