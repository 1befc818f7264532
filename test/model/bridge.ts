import type { WebSocketConstructor, WebSocketLike } from '../../src/client/index.ts';
import type { Hub } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';

type EventType = 'open' | 'message' | 'close' | 'error';

/** A socket in memory between the client and a hub: frames arrive when the test lets them, and are lost where it cuts. */
export class Bridge implements WebSocketLike {
  readonly link = new FakeLink();
  readyState = 0;
  /** What the client has sent. */
  readonly sent: string[] = [];
  #arrived = 0;
  readonly #listeners: [EventType, (event: unknown) => void][] = [];

  addEventListener(type: EventType, listener: (event: unknown) => void): void {
    this.#listeners.push([type, listener]);
  }

  send(text: string): void {
    this.sent.push(text);
    this.link.say(text);
  }

  close(code?: number): void {
    this.readyState = 3;
    this.link.hangUp(code);
  }

  open(hub: Hub): void {
    hub.accept(this.link.attach, { authorize: () => true });
    this.readyState = 1;
    this.#dispatch('open', {});
  }

  /** Lets up to so many frames of the server arrive, and its end after the last one. */
  deliver(count: number): void {
    const { received, closeCode } = this.link;
    const end = Math.min(received.length, this.#arrived + count);
    while (this.#arrived < end && this.readyState === 1) this.#dispatch('message', { data: received[this.#arrived++] });
    if (closeCode !== undefined && this.#arrived === received.length && this.readyState === 1) this.#lose(closeCode);
  }

  /** The line breaks: what has not arrived never will. */
  cut(): void {
    if (this.readyState !== 1) return;
    this.#lose(1006);
    this.link.hangUp();
  }

  #lose(code: number): void {
    this.readyState = 3;
    this.#dispatch('close', { code, reason: '' });
  }

  #dispatch(type: EventType, event: unknown): void {
    for (const [of, listener] of this.#listeners) if (of === type) listener(event);
  }
}

/** Makes sockets for one client; `onSocket` is given each. */
export function bridgeTo(onSocket: (socket: Bridge) => void): WebSocketConstructor {
  return class extends Bridge {
    constructor() {
      super();
      onSocket(this);
    }
  };
}
