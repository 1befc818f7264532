/**
 * How much CPU the main thread spends between two turns of the event loop at most. Not wall-clock time, so that what else runs on
 * the machine does not count.
 */
export class LoopCpu {
  #longestMs = 0;
  #isRunning = true;

  constructor() {
    let before = cpuMs();
    const look = (): void => {
      const now = cpuMs();
      this.#longestMs = Math.max(this.#longestMs, now - before);
      before = now;
      if (this.#isRunning) setImmediate(look);
    };
    setImmediate(look);
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  /** Forgets what was. */
  reset(): void {
    this.#longestMs = 0;
  }

  stop(): void {
    this.#isRunning = false;
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
