import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { CrowdBooks } from './crowd-clients.ts';

/** Those that have not ended: a process that was stopped outlives its test otherwise, and keeps the test runner waiting. */
const alive = new Set<Crowd>();

/** For the end of each test, however it ended. */
export async function endCrowds(): Promise<void> {
  await Promise.all([...alive].map((crowd) => crowd.end()));
}

/** Clients in a process of their own: they do not share the server's event loop, and can be stopped by a signal. */
export class Crowd {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    alive.add(this);
  }

  /** @param slowBytesPerSecond how fast they read; undefined for as fast as they can */
  static async start(url: string, clients: number, slowBytesPerSecond?: number): Promise<Crowd> {
    const args = [url, String(clients), String(slowBytesPerSecond ?? 0)];
    const crowd = new Crowd(fork(new URL('./crowd-clients.ts', import.meta.url), args));
    await once(crowd.#child, 'message');
    return crowd;
  }

  stop(): void {
    process.kill(this.#child.pid ?? 0, 'SIGSTOP');
  }

  /** What they got since they were last asked. */
  async books(): Promise<CrowdBooks> {
    this.#child.send('books');
    const [books]: CrowdBooks[] = await once(this.#child, 'message');
    if (books === undefined) throw new Error('the crowd has gone');
    return books;
  }

  /** Resolves when its event loop has had a turn, in which each client has read what it may. One question at a time. */
  async turn(): Promise<void> {
    this.#child.send('turn');
    await once(this.#child, 'message');
  }

  async end(): Promise<void> {
    alive.delete(this);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
