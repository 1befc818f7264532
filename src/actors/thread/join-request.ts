import type { PartsRequest } from '../delivery/part-sender.ts';
import type { ChunkReading } from '../streams/text-reader.ts';
import type { TextPositions } from '../streams/missed-streams.ts';

/** The fields of a client's join besides its position. */
export interface JoinRequest {
  /** The client's positions in the token streams. */
  readonly texts?: TextPositions | undefined;
  /** The streams of chunks that the client reads. */
  readonly reading?: ChunkReading | undefined;
  /** Set if the client accepts big messages in parts. */
  readonly parts?: PartsRequest | undefined;
  /** No critical message overtakes others. */
  readonly isInOrder?: boolean | undefined;
  /** The client reads the thread's values. */
  readonly values?: boolean | undefined;
  /** Repeated in the answer, so that the client knows which join it is about. */
  readonly ref?: number | undefined;
}
