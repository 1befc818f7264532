import { fieldsOf, numberOf, textOf } from './fields.ts';

/** The part of a WebSocket that the client uses: browsers, Node's global and the `ws` package all have it. */
export interface WebSocketLike {
  /** 1 while it is open. */
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: unknown) => void): void;
}

/** `WebSocket`, or anything that is made in the same way. */
export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** The protocol that the client asks for in the handshake. */
export const SUBPROTOCOL = 'threadcast.v1.json';

/** The address of a socket: browsers cannot set headers on a WebSocket, so the query carries what the server needs. */
export function addressOf(url: string, cid: string, token: string | undefined): string {
  const secret = token === undefined ? '' : `&token=${encodeURIComponent(token)}`;
  return `${url}${url.includes('?') ? '&' : '?'}cid=${cid}${secret}`;
}

/** `readyState` of an open WebSocket. */
export const OPEN = 1;

/** What a `message` event carries: text, or something that is no frame of ours. */
export function dataOf(event: unknown): unknown {
  return fieldsOf(event)?.['data'];
}

/** What a `close` event tells; 1006 where it tells nothing. */
export function closeOf(event: unknown): { code: number; reason: string } {
  const { code, reason } = fieldsOf(event) ?? {};
  return { code: numberOf(code) ?? 1006, reason: textOf(reason) ?? '' };
}
