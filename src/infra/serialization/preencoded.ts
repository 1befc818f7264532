import { SharedBody } from '../log/shared-body.ts';
import type { Body } from '../../api/body.ts';
import { InvalidOptionError } from '../errors.ts';

/** A message whose JSON bytes exist already. */
export class Preencoded {
  // `instanceof` would run a trap of a message that is a proxy; looking for a private name does not.
  readonly #isPreencoded = true;
  readonly body: Body;

  constructor(chunks: readonly Uint8Array[]) {
    this.body = new SharedBody(chunks);
  }

  static isPreencoded(value: unknown): value is Preencoded {
    return typeof value === 'object' && value !== null && #isPreencoded in value && value.#isPreencoded;
  }
}

/**
 * Sends bytes as they are: UTF-8 of one JSON text, in one piece or several. Whether they are JSON is not checked, and they must
 * not be changed until they are out of the log.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) for what is no bytes, or none at all
 */
export function preencoded(bytes: Uint8Array | readonly Uint8Array[]): Preencoded {
  const chunks: readonly unknown[] = Array.isArray(bytes) ? bytes : [bytes];
  const message = new Preencoded(chunks.filter(isBytes));
  if (message.body.bytes > 0 && message.body.chunks.length === chunks.length) return message;
  throw new InvalidOptionError({ option: 'preencoded bytes', value: bytes, expected: 'one Uint8Array or several' });
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
