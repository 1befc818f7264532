import { dlopen, getRawPointer } from 'node:ffi';

/** Of Linux: `CLOCK_THREAD_CPUTIME_ID`. */
const THREAD_CPU_CLOCK = 3;

const { functions } = dlopen(null, { clock_gettime: { arguments: ['i32', 'pointer'], return: 'i32' } });
const time = new BigInt64Array(2);
const place = getRawPointer(time.buffer);

/** CPU time of this thread, in milliseconds, to the microsecond: `process.threadCpuUsage` counts in ticks. */
export function threadCpuMs(): number {
  functions.clock_gettime(THREAD_CPU_CLOCK, place);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}

/** Measures how much CPU time the longest turn of the event loop takes: what other processes do meanwhile does not count. */
export class HoldProbe {
  #longestMs = 0;
  #last = 0;
  #immediate: NodeJS.Immediate | undefined;

  start(): void {
    this.#longestMs = 0;
    this.#last = threadCpuMs();
    this.#arm();
  }

  /** In milliseconds of CPU. It keeps the loop spinning: what all turns take has to be measured in another run. */
  stop(): number {
    clearImmediate(this.#immediate);
    this.#note();
    return this.#longestMs;
  }

  #arm(): void {
    this.#immediate = setImmediate(() => {
      this.#note();
      this.#arm();
    });
  }

  #note(): void {
    const now = threadCpuMs();
    this.#longestMs = Math.max(this.#longestMs, now - this.#last);
    this.#last = now;
  }
}
