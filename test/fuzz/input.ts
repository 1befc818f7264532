/** What a peer says at once: one message of a socket, one request, or one record. */
export interface Input {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

export const text = (data: string): Input => ({ data: Buffer.from(data), isBinary: false });
export const binary = (data: Uint8Array): Input => ({ data: Buffer.from(data), isBinary: true });

/**
 * What a peer got for an input, in short: the same for the same kind of answer, and beginning with `ENDED` if it was cut off. Undefined if it
 * did not wait for it.
 */
export type Behaviour = string | undefined;

export const ENDED = '!';

/** One side of the library that a peer can talk to, with healthy neighbours beside it. */
export interface Target {
  /** A peer of a run says all of them, in this order. */
  feed(inputs: readonly Input[]): Promise<readonly Behaviour[]>;
  /** The neighbours have lost nothing, and nothing was reported that a peer must not cause. @throws what is wrong */
  check(): Promise<void>;
  close(): Promise<void>;
}
