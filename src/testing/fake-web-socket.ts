import type { Clock } from '../api/clock.ts';
import type { Line } from './line.ts';
import type { FarEnd } from './line-options.ts';

type EventType = 'open' | 'message' | 'close' | 'error';

/** Where the sockets of a client connect to. */
export interface Dialled {
  readonly clock: Clock;
  /** How long each way takes, in milliseconds. */
  readonly latencyMs: number;
  /** Connects the socket; undefined where no process answers. */
  connect(socket: FakeWebSocket, url: string, protocols: readonly string[]): Line | undefined;
}

/** A browser's WebSocket at the end of a line. */
export class FakeWebSocket implements FarEnd {
  readyState = 0;
  binaryType = 'arraybuffer';
  #line: Line | undefined;
  /** What came before the handshake's answer had arrived. */
  readonly #early: (string | ArrayBuffer)[] = [];
  readonly #listeners: [EventType, (event: unknown) => void][] = [];

  constructor(network: Dialled, url: string, protocols: string | string[] = []) {
    network.clock.setTimeout(() => {
      if (this.readyState !== 0) return;
      this.#line = network.connect(this, url, [protocols].flat());
      if (this.#line === undefined) this.onClose(1006, '');
      else
        network.clock.setTimeout(() => {
          if (this.readyState !== 0) return;
          this.readyState = 1;
          this.#dispatch('open', {});
          for (const data of this.#early.splice(0)) this.#dispatch('message', { data });
        }, network.latencyMs);
    }, 2 * network.latencyMs);
  }

  addEventListener(type: EventType, listener: (event: unknown) => void): void {
    this.#listeners.push([type, listener]);
  }

  send(frame: string | ArrayBuffer | Uint8Array): void {
    if (this.readyState !== 1) throw new Error('not open');
    this.#line?.say(frame);
  }

  close(code = 1000): void {
    if (this.readyState >= 2) return;
    this.readyState = 2;
    this.#line?.farClose(code);
  }

  // --- FarEnd

  onText(text: string): void {
    this.#onData(text);
  }

  onBytes(bytes: Uint8Array): void {
    this.#onData(new Uint8Array(bytes).buffer);
  }

  #onData(data: string | ArrayBuffer): void {
    if (this.readyState === 0) this.#early.push(data);
    else if (this.readyState === 1) this.#dispatch('message', { data });
  }

  onClose(code: number, reason: string): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    if (code === 1006) this.#dispatch('error', {});
    this.#dispatch('close', { code, reason });
  }

  #dispatch(type: EventType, event: unknown): void {
    for (const [of, listener] of this.#listeners) if (of === type) listener(event);
  }
}
