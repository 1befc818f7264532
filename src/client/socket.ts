import type { ClientClock } from './clock.ts';

/** What a socket sends: JSON; with `threadcast/bytes` also a header, a zero byte, and the bytes of the message. */
export type Frame = string | Uint8Array<ArrayBuffer>;

/** The part of a WebSocket that the client uses: browsers, Node's global and the `ws` package all have it. */
export interface WebSocketLike {
  /** 1 while it is open. */
  readonly readyState: number;
  /** `threadcast/bytes` sets it to `arraybuffer`, and a relay's node to `nodebuffer` where that is known. */
  binaryType?: string;
  send(frame: Frame): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: unknown) => void): void;
}

/** `WebSocket`, or a constructor with the same signature. */
export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** Opens a socket. */
export type OpenSocket = (url: string) => WebSocketLike;

/** Another way to the server, before or after the one it is given: `sse()` of `threadcast/client/sse`. It gets the client's clock. */
export type Transport = (open: OpenSocket, clock: ClientClock) => OpenSocket;

/** The protocol that the client asks for in the handshake. */
export const SUBPROTOCOL = 'threadcast.v1.json';

/** The address of a socket. Browsers cannot set headers on a WebSocket, so the query carries the client's token and id. */
export function addressOf(url: string, cid: string, token: string | undefined): string {
  const secret = token === undefined ? '' : `&token=${encodeURIComponent(token)}`;
  return `${url}${url.includes('?') ? '&' : '?'}cid=${cid}${secret}`;
}

/** `readyState` of an open WebSocket. */
export const OPEN = 1;
