import { performance } from 'node:perf_hooks';

const PERIOD_MS = 1;

/** Long enough for the kernel to let the thread sleep. */
const NAP_MS = 0.01;

/** A time in which the event loop did not turn. */
export interface Block {
  readonly ms: number;
  /**
   * How long of it our thread was on the CPU. The rest it waited: for a core, or for something within the kernel or V8; which
   * of them, this measure cannot tell.
   */
  readonly runningMs: number;
}

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
    // the kernel adds up a thread's CPU time when it sleeps, and else only at its own ticks, some milliseconds apart
    if (ms > this.#longest.ms) Atomics.wait(this.#nap, 0, 0, NAP_MS);
    const cpuMs = threadCpuMs();
    if (ms > this.#longest.ms) this.#longest = { ms, runningMs: Math.min(ms, cpuMs - this.#lastCpuMs) };
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
  return `${ms.toFixed(1)} ms (${runningMs.toFixed(1)} ms of it on the CPU)`;
}
