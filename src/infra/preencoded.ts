import { Body } from './body.ts';

/** A message whose JSON bytes exist already. */
export class Preencoded {
  readonly body: Body;

  constructor(chunks: readonly Uint8Array[]) {
    this.body = new Body(chunks);
  }
}

/**
 * Sends bytes as they are: UTF-8 of one JSON text, in one piece or several. They are not checked, and must not be changed
 * until they are out of the log.
 */
export function preencoded(bytes: Uint8Array | readonly Uint8Array[]): Preencoded {
  return new Preencoded(bytes instanceof Uint8Array ? [bytes] : bytes);
}
