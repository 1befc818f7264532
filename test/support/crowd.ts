import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { CrowdBooks } from './crowd-clients.ts';

/** Clients in a process of their own: they do not share the server's event loop, and can be stopped by a signal. */
export class Crowd {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param slowBytesPerSecond how fast they read; undefined for as fast as they can */
  static async start(url: string, clients: number, slowBytesPerSecond?: number): Promise<Crowd> {
    const args = [url, String(clients), String(slowBytesPerSecond ?? 0)];
    const child = fork(new URL('./crowd-clients.ts', import.meta.url), args);
    await once(child, 'message');
    return new Crowd(child);
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

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
