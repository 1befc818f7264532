import type { Hub } from '../../src/index.ts';
import { chunkAt, simCodec, textAt } from './contents.ts';

/** How a stream grows. */
export interface Growth {
  readonly chunks: number;
  readonly everyMs: number;
  readonly isChunks: boolean;
}

/** A stream of the application, of text or of chunks. */
export interface Growing {
  readonly id: string;
  readonly signal: AbortSignal;
  /** The chunk at this place. */
  write(place: number): void;
  end(): Promise<unknown>;
}

export function textIn(hub: Hub, threadId: string, n: number): Growing {
  const stream = hub.thread(threadId).stream();
  const { id, signal } = stream;
  return { id, signal, write: (place) => stream.append(textAt(n, place)), end: () => stream.end({ n }) };
}

export function chunksIn(hub: Hub, threadId: string, n: number): Growing {
  const stream = hub.thread(threadId).stream({ codec: simCodec });
  const { id, signal } = stream;
  return { id, signal, write: (place) => void stream.write(chunkAt(n, place)), end: () => stream.end() };
}
