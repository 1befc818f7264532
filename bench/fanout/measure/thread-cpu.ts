import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of a process in microseconds, by the kernel's own count, so that all runtimes are measured alike. */
export interface ThreadCpu {
  readonly mainUs: number;
  readonly processUs: number;
}

/** Linux only. */
export function cpuOf(pid: number): ThreadCpu {
  let mainUs = 0;
  let processUs = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const us = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1_000;
    processUs += us;
    if (Number(thread) === pid) mainUs = us;
  }
  return { mainUs, processUs };
}

/** Keeps the threads of the native sender on this core; there are none before its first flight. */
export function moveSender(pid: number, core: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, 'latin1').trim();
    if (name === 'threadcast-send') spawnSync('taskset', ['-pc', String(core), thread]);
  }
}
