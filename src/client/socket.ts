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

/** `readyState` of an open WebSocket. */
export const OPEN = 1;

/** What a `message` event carries: text, or something that is no frame of ours. */
export function dataOf(event: unknown): unknown {
  return isObject(event) && 'data' in event ? event.data : undefined;
}

/** What a `close` event tells; 1006 where it tells nothing. */
export function closeOf(event: unknown): { code: number; reason: string } {
  if (!isObject(event)) return { code: 1006, reason: '' };
  const code = 'code' in event && typeof event.code === 'number' ? event.code : 1006;
  return { code, reason: 'reason' in event && typeof event.reason === 'string' ? event.reason : '' };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
