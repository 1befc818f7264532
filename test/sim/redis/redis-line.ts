import { given } from '../../support/redis-model/replies.ts';
import { bufferOf, bytesOf } from '../../support/redis-model/model-connection.ts';
import type { Listener, RedisModel } from '../../support/redis-model/redis-model.ts';
import type { OnTrouble, RedisConnection } from '../../../src/infra/log/redis/connections.ts';
import type { NodeClock } from '../node-clock.ts';
import type { Clock } from '../../../src/index.ts';
import type { Reply } from '../../support/redis-model/replies.ts';

type Answer = { readonly value: unknown } | { readonly error: unknown };

/** The server that a line leads to. */
interface LineHost {
  readonly model: RedisModel;
  readonly clock: Clock;
  readonly lines: Set<RedisLine>;
  latencyMs(): number;
  execute(line: RedisLine, args: readonly string[]): Reply;
  /** Does it now, or when it goes on. */
  whenAwake(work: () => void): void;
}

/** The two connections of one process to Redis, one for commands and one that is subscribed, with the network between. */
export class RedisLine implements RedisConnection, Listener {
  readonly publishCommand = 'PUBLISH';
  readonly extent = 'ended';
  readonly node: NodeClock;
  readonly #host: LineHost;
  readonly #onTrouble: OnTrouble;
  readonly #listeners = new Map<string, (message: Buffer) => void>();
  readonly #unanswered = new Set<(error: Error) => void>();
  /** When the newest packet of each way arrives: none overtakes another. */
  readonly #arrivesAt = { commands: 0, replies: 0, news: 0 };
  #isOpen = true;
  /** Nothing arrives any more, and neither side knows. */
  isSilent = false;
  /** What is published does not arrive. */
  isMute = false;
  /** It leads to a server that is a replica now. */
  isDemoted = false;

  constructor(host: LineHost, node: NodeClock, onTrouble: OnTrouble) {
    this.#host = host;
    this.node = node;
    this.#onTrouble = onTrouble;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  shardOf(): string {
    return '';
  }

  everyShard(): readonly ((args: readonly string[]) => Promise<unknown>)[] {
    return [
      (args) => this.#ask((bytes) => given(this.#host.execute(this, args.map(bytesOf)), bytes), 'commands', String),
    ];
  }

  call(_key: string, args: readonly (string | Buffer)[]): Promise<unknown> {
    const bytes = args.map(bytesOf);
    return this.#ask((bulk) => given(this.#host.execute(this, bytes), bulk), 'commands', bufferOf);
  }

  async subscribe(channel: string, listener: (message: Buffer) => void): Promise<void> {
    this.#listeners.set(bytesOf(channel), listener);
    await this.#ask(() => this.#host.model.subscribe(bytesOf(channel), this), 'news', String);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#listeners.delete(bytesOf(channel));
    await this.#ask(() => this.#host.model.unsubscribe(bytesOf(channel), this), 'news', String);
  }

  onMessage(channel: string, message: string): void {
    if (!this.isMute) this.#toNode('news', () => this.#listeners.get(channel)?.(bufferOf(message)));
  }

  /** The process ends its connections. */
  destroy(): void {
    this.#close();
  }

  /** The connections break: what is on its way is lost, in both directions. */
  cut(why = 'Socket closed unexpectedly'): void {
    if (!this.#isOpen) return;
    this.#close();
    const error = new Error(why);
    this.node.run(() => {
      for (const reject of this.#unanswered) reject(error);
      this.#unanswered.clear();
      this.#onTrouble(error, 'ended');
    });
  }

  #close(): void {
    this.#isOpen = false;
    this.#host.model.forget(this);
    this.#host.lines.delete(this);
  }

  #ask(
    run: (bulk: (bytes: string) => unknown) => unknown,
    way: 'commands' | 'news',
    bulk: (bytes: string) => unknown,
  ): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (!this.#isOpen) return Promise.reject(new Error('The client is closed'));
    this.#unanswered.add(reject);
    // a process that has ended says nothing more
    if (this.node.isDead) return promise;
    const answer = (said: Answer): void => {
      this.#unanswered.delete(reject);
      if ('error' in said) reject(said.error);
      else resolve(said.value);
    };
    this.#later('commands', () => {
      if (this.isSilent) return;
      this.#host.whenAwake(() => {
        let said: Answer;
        try {
          said = { value: run(bulk) };
        } catch (error) {
          said = { error };
        }
        this.#toNode(way === 'news' ? 'news' : 'replies', () => answer(said));
      });
    });
    return promise;
  }

  #toNode(way: 'replies' | 'news', arrive: () => void): void {
    this.#later(way, () => {
      if (!this.isSilent)
        this.node.run(() => {
          if (this.#isOpen) arrive();
        });
    });
  }

  #later(way: 'commands' | 'replies' | 'news', arrive: () => void): void {
    const { clock } = this.#host;
    const now = clock.now();
    const at = Math.max(this.#arrivesAt[way], now + this.#host.latencyMs());
    this.#arrivesAt[way] = at;
    clock.setTimeout(arrive, at - now);
  }
}
