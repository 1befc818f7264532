import type { RetrySession } from '../shared/retry-until.ts';
import type { RelayFrame } from './frames.ts';

/** The connection of a node to its relay, which may be lost and come back. */
export interface RelaySession extends RetrySession {
  /**
   * Asks the relay.
   * @throws RelayLostError where the connection was lost before the answer; RelayRefusal
   */
  call(head: object, body?: readonly Uint8Array[]): Promise<RelayFrame>;
  /** Tells the relay, unless there is no connection. */
  tell(head: object, body?: readonly Uint8Array[]): void;
  close(): void;
}

/** What a session reports. */
export interface RelayListener {
  /** There is a connection: the relay knows nothing of this node. */
  onUp(): void;
  onDown(): void;
  onNews(frame: RelayFrame): void;
}

/** The relay's answer is that it will not. */
export class RelayRefusal extends Error {
  readonly why: string;
  readonly head: RelayFrame['head'];

  constructor(head: RelayFrame['head'], why: string) {
    super(`the relay answers ${why}`);
    this.head = head;
    this.why = why;
  }
}
