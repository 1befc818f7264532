import { EventSocket, type EventSocketOptions } from './event-socket.ts';
import type { Transport } from './socket.ts';

/** Everything has a default. Times are in milliseconds. */
export interface SseOptions extends Partial<EventSocketOptions> {
  /** Attempts by WebSocket in a row that end before the server has said anything, before one by SSE. @default 2 */
  failures?: number;
  /** How long the client stays with SSE after that: the next connection then is a WebSocket again. @default 300000 */
  stayMs?: number;
}

/**
 * For networks that let no WebSocket through: Server-Sent Events and POST, against `httpHandler` of `threadcast/http`.
 *
 * ```ts
 * const client = connect('wss://example.org/chat', { transports: [sse()] });
 * ```
 *
 * The client tries a WebSocket first. After two attempts that end before the server has said anything, it uses SSE. A connection that begins
 * more than five minutes later is a WebSocket again. Everything of the client works over both.
 */
export function sse({ failures = 2, stayMs = 300_000, ...options }: SseOptions = {}): Transport {
  let failed = 0;
  let until = 0;
  return (open, clock) => (url) => {
    const now = clock.now();
    const isEvents = failed >= failures || now < until;
    if (failed >= failures) until = now + stayMs;
    failed = isEvents ? 0 : failed;
    const socket = isEvents ? new EventSocket(url, options, clock) : open(url);
    let isGreeted = false;
    socket.addEventListener('message', () => {
      isGreeted = true;
    });
    socket.addEventListener('close', (event) => {
      const { code }: { code?: number } = Object(event);
      // a refusal with a code of ours has come through
      if (isGreeted || (code ?? 0) >= 4_000) failed = 0;
      // where SSE fails as well, the server is away: a WebSocket comes first again
      else if (isEvents) until = 0;
      else failed++;
    });
    return socket;
  };
}

export type { Transport } from './socket.ts';
