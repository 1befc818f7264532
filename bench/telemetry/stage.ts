import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Crowd } from '../../test/support/crowd.ts';
import type { Cost, Order, Setup } from './contender.ts';

/** An OTLP receiver that counts the spans of each name. */
export class SpanCounter {
  readonly counts = new Map<string, number>();
  /** How long it takes to answer: a collector is seldom on the same machine. */
  answerMs = 0;
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      for (const [, name = ''] of Buffer.concat(chunks)
        .toString()
        .matchAll(/"name":"(\w+ ?\w*)","kind"/g)) {
        this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      setTimeout(() => response.end('{}'), this.answerMs);
    });
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return `http://127.0.0.1:${address.port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A contender and its clients, each in a process of its own. */
export class Contender {
  readonly name: string;
  readonly #server: ChildProcess;
  readonly #crowd: Crowd;

  private constructor(name: string, server: ChildProcess, crowd: Crowd) {
    this.name = name;
    this.#server = server;
    this.#crowd = crowd;
  }

  static async start(name: string, setup: Setup, clients: number): Promise<Contender> {
    const server = fork(new URL('./contender.ts', import.meta.url), [JSON.stringify(setup)]);
    const [url]: unknown[] = await once(server, 'message');
    return new Contender(name, server, await Crowd.start(String(url), clients));
  }

  async play(order: Order): Promise<Cost> {
    this.#server.send(order);
    const [cost]: Cost[] = await once(this.#server, 'message');
    if (cost === undefined) throw new Error(`${this.name} has gone`);
    await this.#crowd.books();
    return cost;
  }

  async end(): Promise<void> {
    await this.#crowd.end();
    this.#server.kill('SIGKILL');
    await once(this.#server, 'exit');
  }
}
