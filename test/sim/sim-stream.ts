import type { Hub } from '../../src/index.ts';
import { chunkAt, simCodec } from './contents.ts';

/** How a stream grows. */
export interface Growth {
  readonly chunks: number;
  readonly everyMs: number;
  readonly isChunks: boolean;
}

/** A stream of the application, of text or of chunks. */
export interface Growing {
  readonly signal: AbortSignal;
  /** The chunk at this place. */
  write(place: number): void;
  end(): Promise<unknown>;
}

export function textIn(hub: Hub, threadId: string, n: number): Growing {
  const stream = hub.thread(threadId).stream();
  return { signal: stream.signal, write: (place) => stream.append(`${n}.${place} `), end: () => stream.end({ n }) };
}

export function chunksIn(hub: Hub, threadId: string, n: number): Growing {
  const stream = hub.thread(threadId).stream({ codec: simCodec });
  return { signal: stream.signal, write: (place) => void stream.write(chunkAt(n, place)), end: () => stream.end() };
}
