import { openSync, readSync } from 'node:fs';

const TAIL = 64;

/**
 * How often the main thread has lost its core to somebody else so far, by Linux's count (`nonvoluntary_ctxt_switches`, about 10 us
 * a look); always 0 elsewhere. Tells a long turn of ours from one in which another process ran.
 */
export class Preemptions {
  readonly #file = openStatus();
  readonly #buffer = Buffer.alloc(4096);

  get count(): number {
    if (this.#file === undefined) return 0;
    const length = readSync(this.#file, this.#buffer, 0, this.#buffer.length, 0);
    const tail = this.#buffer.toString('latin1', Math.max(0, length - TAIL), length);
    return Number(/nonvoluntary_ctxt_switches:\s*(\d+)/.exec(tail)?.[1] ?? 0);
  }
}

/** The process's file is that of its main thread. */
function openStatus(): number | undefined {
  try {
    return openSync('/proc/self/status', 'r');
  } catch {
    return undefined;
  }
}
