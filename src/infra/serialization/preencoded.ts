import { SharedBody } from '../log/shared-body.ts';
import type { Body } from '../../api/body.ts';
import type { PreparedMessage } from '../../api/message.ts';
import { InvalidOptionError } from '../errors.ts';
import { isBytes as isMarked } from '../wire/bytes-body.ts';

/** A message whose JSON bytes already exist. */
export class Preencoded implements PreparedMessage {
  readonly '~prepared' = true;
  // `instanceof` would run a trap of a message that is a proxy; looking for a private name does not.
  readonly #isPreencoded = true;
  readonly body: Body;

  /** @param body the reference stays its owner's */
  constructor(body: Body) {
    this.body = body;
  }

  static isPreencoded(value: unknown): value is Preencoded {
    return typeof value === 'object' && value !== null && #isPreencoded in value && value.#isPreencoded;
  }
}

/** Up to this size, bytes are copied out of a buffer that is more than twice their size: the log would keep all of it. */
const COPIED_BYTES = 1024 * 1024;

function withoutStrangers(chunk: Uint8Array): Uint8Array {
  if (chunk.length > COPIED_BYTES || chunk.buffer.byteLength <= 2 * chunk.length) return chunk;
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  copy.set(chunk);
  return copy;
}

/**
 * Sends bytes as they are: UTF-8 of one JSON text, in one piece or several. The library does not check whether they are JSON. Do not change
 * them until they have left the log.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) for a value that is not bytes, or empty
 */
export function preencoded(bytes: Uint8Array | readonly Uint8Array[]): Preencoded {
  const chunks: readonly unknown[] = Array.isArray(bytes) ? bytes : [bytes];
  const isFilled = chunks.every(isBytes) && chunks.some(({ length }) => length > 0);
  if (isFilled && !isMarked({ chunks: chunks.filter(({ length }) => length > 0) }))
    return new Preencoded(new SharedBody(chunks.map(withoutStrangers)));
  throw new InvalidOptionError({ option: 'preencoded bytes', value: bytes, expected: 'one Uint8Array or several' });
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
