import { UNAUTHENTICATED } from '../client/close-codes.ts';
import type { ClientSettings } from '../client/options.ts';

/** What a line reports to its connection of the pool. */
export interface LineListener {
  /** The server has said hello. */
  onGreeted(): void;
  /** It is over. `isRefused`: for good. `retryInMs`: the server asked for this wait. */
  onLost(facts: LostFacts): void;
  /** The hub reports whether it can reach its log. */
  onLog(isUp: boolean): void;
  report(error: unknown): void;
}

/** How a line ended. */
export interface LostFacts {
  readonly code: number;
  readonly reason: string;
  readonly isRefused: boolean;
  readonly retryInMs: number;
}

/** The token was refused in the handshake. A line asks for a fresh one before each, so another attempt would not be better. */
export const isUnwanted = (code: number, wasGreeted: boolean): boolean => code === UNAUTHENTICATED && !wasGreeted;

/** One socket, from its handshake to its end. */
export interface Line {
  /** The threads that use it. */
  readonly threads: { readonly size: number };
  /** @throws InvalidOptionError if the WebSocket constructor rejects the URL */
  dial(): void;
  close(): void;
}

export type MakeLine<L extends Line> = (settings: ClientSettings, listener: LineListener) => L;
