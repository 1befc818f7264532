import type { WebSocketLike } from '../../src/client/index.ts';
import { FakeLink } from '../../src/testing/index.ts';

/** A WebSocket to a hub in memory. Frames of the server wait for `pump`. */
export class HubSocket implements WebSocketLike {
  readyState = 0;
  readonly link = new FakeLink();
  readonly #listeners: [string, (event: unknown) => void][] = [];
  #read = 0;

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.push([type, listener]);
  }

  send(text: string): void {
    this.link.say(text);
  }

  close(): void {
    this.link.hangUp();
  }

  /** Hands over up to `count` frames. */
  pump(count: number): void {
    if (this.readyState === 0) {
      this.readyState = 1;
      this.#dispatch('open', {});
    }
    for (const text of this.link.received.slice(this.#read, this.#read + count)) {
      if (this.readyState !== 1) return;
      this.#read++;
      this.#dispatch('message', { data: text });
    }
  }

  lose(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.link.hangUp();
    this.#dispatch('close', { code: 1006 });
  }

  #dispatch(type: string, event: unknown): void {
    for (const [of, listener] of this.#listeners) if (of === type) listener(event);
  }
}
