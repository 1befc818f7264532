import { PerformanceObserver } from 'node:perf_hooks';

/** What a process has used between two questions. */
export interface Usage {
  /** Processor time, all threads. */
  readonly cpuMs: number;
  /** The longest pause of the garbage collector, and all of them. */
  readonly longestGcMs: number;
  readonly gcMs: number;
}

/** Answers what this process has used since the last call, or since this one. */
export function usageSince(): () => Usage {
  let cpu = process.cpuUsage();
  let [longestGcMs, gcMs] = [0, 0];
  const note = (entries: readonly { readonly duration: number }[]): void => {
    for (const { duration } of entries) {
      longestGcMs = Math.max(longestGcMs, duration);
      gcMs += duration;
    }
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  return () => {
    note(observer.takeRecords());
    const { user, system } = process.cpuUsage(cpu);
    const usage = { cpuMs: (user + system) / 1_000, longestGcMs, gcMs };
    cpu = process.cpuUsage();
    [longestGcMs, gcMs] = [0, 0];
    return usage;
  };
}
