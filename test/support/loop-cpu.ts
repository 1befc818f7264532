/**
 * How much of the CPU the main thread uses between two turns of the event loop at most. Not wall-clock time, so that what else runs on
 * the machine does not count; but never more than that: Linux counts a thread's CPU in ticks of four milliseconds, and the turn in
 * which a tick falls is charged for those before it.
 */
export class LoopCpu {
  #longestMs = 0;
  #isRunning = true;

  constructor() {
    let cpuBefore = cpuMs();
    let before = performance.now();
    const look = (): void => {
      const [cpu, now] = [cpuMs(), performance.now()];
      this.#longestMs = Math.max(this.#longestMs, Math.min(cpu - cpuBefore, now - before));
      [cpuBefore, before] = [cpu, now];
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
