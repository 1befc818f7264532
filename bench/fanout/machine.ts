import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

/** Servers run on one core, load clients on the other. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

const canPin = availableParallelism() >= 2 && spawnSync('taskset', ['-c', '0,1', 'true']).status === 0;

/** The command on one core only, where the machine can do that. */
export function pinned(core: number, command: readonly string[]): readonly string[] {
  return canPin ? ['taskset', '-c', String(core), ...command] : command;
}

/** How many sockets a process may hold open, less what it needs for itself. */
export function mostConnections(): number {
  const limit = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim());
  return Number.isNaN(limit) ? Infinity : limit - 100;
}

/** What the servers are started with, so that they may have as many sockets as the system allows. */
export function withAllFiles(command: readonly string[]): readonly string[] {
  return ['sh', '-c', 'ulimit -n "$(ulimit -Hn)"; exec "$@"', 'sh', ...command];
}

export function describeMachine(): string {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const pins = canPin
    ? 'each server on one core, the load client on another'
    : 'NOT pinned to cores: numbers are of little worth';
  return `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown'}, ${memory}, ${type()} ${release()}; ${pins}`;
}

/** Programs named `node` that are not of a package: the first of them may be old enough for uWebSockets.js. */
export function systemNodes(): readonly string[] {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => !folder.includes('node_modules'));
  return [...new Set([process.execPath, ...folders.map((folder) => `${folder}/node`), '/usr/bin/node'])].filter(
    (path) => existsSync(path),
  );
}
