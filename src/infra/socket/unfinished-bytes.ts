import type { ServerWebSocket } from '../../api/socket.ts';

/** Bytes that `ws` holds of an unfinished message. */
export interface Unfinished {
  /** Of an unfinished frame. */
  readonly ofFrame: number;
  /** Of the fragments before it, inflated if they were deflated. */
  readonly ofFragments: number;
}

/** `ws` does not publish its receiver: this is the only, guarded access to it. Undefined if the bytes cannot be determined. */
export function unfinishedIn(webSocket: ServerWebSocket): Unfinished | undefined {
  const receiver: unknown = Reflect.get(webSocket, '_receiver');
  if (typeof receiver !== 'object' || receiver === null) return undefined;
  const ofFrame: unknown = Reflect.get(receiver, '_bufferedBytes');
  const ofFragments: unknown = Reflect.get(receiver, '_messageLength');
  return typeof ofFrame === 'number' && typeof ofFragments === 'number' ? { ofFrame, ofFragments } : undefined;
}
