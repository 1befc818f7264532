import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { DeliveryLog } from '../../src/index.ts';
import { createPool, relayLog } from '../../src/pool/index.ts';
import { freePort } from '../support/free-port.ts';
import { pause } from './load.ts';
import type { Loss, Stage, Store, Trouble } from './store.ts';

const RELAY_TOKEN = 'chaos';

/** A primary with the log in its memory: the nodes are its workers. */
export class RelayStore implements Store {
  readonly name = 'the primary';
  readonly port: number;
  #primary: ChildProcess;

  private constructor(port: number, primary: ChildProcess) {
    this.port = port;
    this.#primary = primary;
  }

  static async start(): Promise<RelayStore> {
    const port = await freePort();
    return new RelayStore(port, await startPrimary(port));
  }

  readonly troubles: readonly Trouble[] = [
    {
      name: 'the primary stands still',
      happen: async ({ freezeMs }) => {
        this.#primary.kill('SIGSTOP');
        await pause(freezeMs);
        this.#primary.kill('SIGCONT');
      },
    },
    {
      name: 'the sockets of all workers are cut at once',
      happen: async ({ lines }) => {
        for (const line of lines) line.cut();
      },
    },
    { name: 'the primary is killed with -9, and another one begins anew', happen: (stage) => this.#replace(stage) },
  ];

  env(port: number): Readonly<Record<string, string>> {
    return { LOG: 'relay', LOG_URL: urlOf(port) };
  }

  openLog(): DeliveryLog {
    return relayLog({ pool: createPool({ url: urlOf(this.port), token: RELAY_TOKEN, WebSocket }) });
  }

  async stop(): Promise<void> {
    const exit = once(this.#primary, 'exit');
    this.#primary.kill('SIGKILL');
    await exit;
  }

  /** What was in the memory is gone: clients have to be told, and what is acknowledged from then on is kept. */
  async #replace({ troubleMs }: Stage): Promise<Loss> {
    await this.stop();
    await pause(troubleMs);
    this.#primary = await startPrimary(this.port);
    return { from: -Infinity, to: performance.now() };
  }
}

const urlOf = (port: number): string => `ws://127.0.0.1:${port}/relay`;

async function startPrimary(port: number): Promise<ChildProcess> {
  const primary = fork(new URL('./primary.ts', import.meta.url), {
    env: { ...process.env, PORT: String(port), RELAY_TOKEN },
    execArgv: [],
  });
  await once(primary, 'message');
  return primary;
}
