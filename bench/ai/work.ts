import type { Server } from 'node:http';
import { once } from 'node:events';

/** Has the model say so many words, one each `everyMs`; 0: in one go. Without words, asks for the CPU time so far. */
export interface Order {
  readonly words: number;
  readonly everyMs: number;
}

/** CPU time of the process, in microseconds. */
export interface Answer {
  readonly cpuUs: number;
  readonly port: number;
}

export interface Chunk {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The n-th delta; no other text has it. */
export const wordOf = (n: number): string => `word${n}. `;

/** A model that says what it is told to, without an end. */
export class Model implements AsyncIterable<Chunk> {
  readonly #waiting: Chunk[] = [
    { type: 'start', messageId: 'a' },
    { type: 'start-step' },
    { type: 'text-start', id: 't' },
  ];
  #wake = (): void => {};
  #said = 0;

  async say({ words, everyMs }: Order): Promise<void> {
    for (let n = 0; n < words; n++) {
      this.#waiting.push({ type: 'text-delta', id: 't', delta: wordOf(this.#said++) });
      this.#wake();
      if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Listens, and does what it is ordered to. */
export async function serve(server: Server, model: Model): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const answer = (): void => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuUs: user + system, port } satisfies Answer);
  };
  process.on('message', (order: Order) => void model.say(order).then(answer));
  process.once('disconnect', () => process.exit());
  answer();
}
