import { readFileSync } from 'node:fs';

/** CPU that a process has used, in microseconds. It has been 0 if it has ended. */
export function cpuUsOf(pid: unknown): number {
  try {
    return Number(readFileSync(`/proc/${String(pid)}/schedstat`, 'utf8').split(' ')[0]) / 1_000;
  } catch {
    return 0;
  }
}
