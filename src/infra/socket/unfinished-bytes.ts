import type { ServerWebSocket } from '../../api/socket.ts';

/** What `ws` holds of a message that has begun and not come to its end. */
export interface Unfinished {
  /** Of a frame that has not come whole. */
  readonly ofFrame: number;
  /** Of the fragments before it, inflated where they were deflated. */
  readonly ofFragments: number;
}

/** `ws` does not publish its receiver: the one guarded look at it. Undefined where it cannot be seen. */
export function unfinishedIn(webSocket: ServerWebSocket): Unfinished | undefined {
  const receiver: unknown = Reflect.get(webSocket, '_receiver');
  if (typeof receiver !== 'object' || receiver === null) return undefined;
  const ofFrame: unknown = Reflect.get(receiver, '_bufferedBytes');
  const ofFragments: unknown = Reflect.get(receiver, '_messageLength');
  return typeof ofFrame === 'number' && typeof ofFragments === 'number' ? { ofFrame, ofFragments } : undefined;
}
