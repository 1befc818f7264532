import { given } from './replies.ts';
import type { Listener, RedisModel } from './redis-model.ts';

/** A character for each byte, as the model has its strings. */
export const bytesOf = (text: string | Buffer): string =>
  typeof text === 'string' ? Buffer.from(text).toString('latin1') : text.toString('latin1');

/** Bytes as the `redis` client hands them out for the log. */
export const bufferOf = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');

/** What a connection to the model answers at once, as the log's own connection would. */
export class ModelConnection implements Listener {
  readonly #model: RedisModel;
  readonly #listeners = new Map<string, (message: Buffer) => void>();

  constructor(model: RedisModel) {
    this.#model = model;
  }

  /** @throws ErrorReply */
  call(args: readonly (string | Buffer)[]): unknown {
    return given(this.#model.execute(args.map(bytesOf)), bufferOf);
  }

  subscribe(channel: string, listener: (message: Buffer) => void): void {
    this.#listeners.set(bytesOf(channel), listener);
    this.#model.subscribe(bytesOf(channel), this);
  }

  unsubscribe(channel: string): void {
    this.#listeners.delete(bytesOf(channel));
    this.#model.unsubscribe(bytesOf(channel), this);
  }

  onMessage(channel: string, message: string): void {
    this.#listeners.get(channel)?.(bufferOf(message));
  }
}
