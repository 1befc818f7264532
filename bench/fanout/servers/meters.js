// How a server measures itself, in Node and in Bun.

/**
 * How long the event loop is held, exactly: it notes the time since the turn before in every turn of the loop. It keeps the
 * loop spinning, so CPU time is measured without it.
 */
export class LoopProbe {
  longestMs = 0;
  #last = 0;
  #isOn = false;

  start() {
    this.longestMs = 0;
    this.#last = performance.now();
    this.#isOn = true;
    setImmediate(this.#turn);
  }

  stop() {
    if (this.#isOn) this.#note();
    this.#isOn = false;
  }

  #turn = () => {
    if (!this.#isOn) return;
    this.#note();
    setImmediate(this.#turn);
  };

  #note() {
    const now = performance.now();
    if (now - this.#last > this.longestMs) this.longestMs = now - this.#last;
    this.#last = now;
  }
}

/** The most memory that was in use whenever somebody looked, over the first look. */
export class PeakMemory {
  #first = process.memoryUsage.rss?.() ?? process.memoryUsage().rss;
  #most = this.#first;

  look() {
    this.#most = Math.max(this.#most, process.memoryUsage.rss?.() ?? process.memoryUsage().rss);
  }

  get growthMb() {
    return (this.#most - this.#first) / 1e6;
  }
}

export function collectGarbage() {
  if ('Bun' in globalThis) globalThis.Bun.gc(true);
  else globalThis.gc?.();
}

/**
 * The system's monotonic clock as sixteen digits of nanoseconds, as the load client reads it. Bun's own clock begins with the
 * process: there the difference is asked of the C library.
 *
 * @returns {Promise<(lateMs?: number) => string>} now, or what was now so long ago
 */
export async function makeStamp() {
  const offset = 'Bun' in globalThis ? (await monotonicNow()) - process.hrtime.bigint() : 0n;
  return (lateMs = 0) => {
    const due = process.hrtime.bigint() + offset - BigInt(Math.round(lateMs * 1e6));
    return String(due).padStart(16, '0');
  };
}

async function monotonicNow() {
  const { dlopen, ptr } = await import('bun:ffi');
  const { symbols } = dlopen('libc.so.6', { clock_gettime: { args: ['i32', 'ptr'], returns: 'i32' } });
  const time = new BigInt64Array(2);
  const CLOCK_MONOTONIC = 1;
  symbols.clock_gettime(CLOCK_MONOTONIC, ptr(time));
  return time[0] * 1_000_000_000n + time[1];
}
