import type { PartsRequest } from '../delivery/part-sender.ts';
import type { TextPositions } from '../streams/stream-registry.ts';

/** What a client says with a join besides its position. */
export interface JoinRequest {
  /** What it has of the token streams. */
  readonly texts?: TextPositions | undefined;
  /** Where it takes big messages in parts. */
  readonly parts?: PartsRequest | undefined;
  /** What the answer is to carry, so that the client knows which join it is about. */
  readonly ref?: number | undefined;
}
