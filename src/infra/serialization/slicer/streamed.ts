/** What `streamArray` accepts. */
export type ElementSource = Iterable<unknown> | AsyncIterable<unknown>;

/** A property of a streamed object. */
export type StreamedMember = readonly [key: string | number, value: unknown];

/** What `streamObject` accepts; a `Map` is an iterable of its entries. */
export type MemberSource = Iterable<StreamedMember> | AsyncIterable<StreamedMember>;

/**
 * Marks a place in a message that is written from a source, piece by piece. It has a `toJSON`, because then everything
 * that looks for one, the estimator above all, leaves it to the walker; and because native `JSON.stringify` cannot wait
 * for a source, and should say so.
 */
abstract class Streamed {
  // `instanceof` would run a trap of every proxy that the walker meets; looking for a private name does not.
  readonly #isStreamed = true;

  static isStreamed(value: object): value is StreamedArray | StreamedObject {
    return #isStreamed in value && value.#isStreamed;
  }

  toJSON(): never {
    throw new TypeError('a streamed value is written by threadcast only, JSON.stringify cannot');
  }
}

/** See `streamArray`. */
export class StreamedArray extends Streamed {
  readonly source: ElementSource;

  constructor(source: ElementSource) {
    super();
    this.source = source;
  }
}

/** See `streamObject`. */
export class StreamedObject extends Streamed {
  readonly source: MemberSource;

  constructor(source: MemberSource) {
    super();
    this.source = source;
  }
}

/** Narrows to the markers that `streamArray` and `streamObject` make. */
export function isStreamed(value: object): value is StreamedArray | StreamedObject {
  return Streamed.isStreamed(value);
}

/**
 * A JSON array whose elements come from an iterable, while the message is being written: rows of a query, say, that never
 * are in memory together. May stand anywhere in a message. An async source suspends this message only; its `return()` is
 * called when the message fails or is cancelled.
 *
 * @example hub.thread(id).send({ rows: streamArray(cursor) })
 */
export function streamArray(source: ElementSource): StreamedArray {
  return new StreamedArray(source);
}

/**
 * A JSON object whose properties come from a `Map` or an iterable of `[key, value]`, one after the other. Use it for
 * objects of very many properties: the keys of a plain object have to be listed in one go (100,000 keys: 25 to 50 ms).
 * Values that JSON leaves out (`undefined`, functions, symbols) are left out; keys are not checked for duplicates.
 *
 * @example hub.thread(id).send({ users: streamObject(usersById) })
 */
export function streamObject(source: MemberSource): StreamedObject {
  return new StreamedObject(source);
}
