import type { Body } from '../../../api/body.ts';
import { kept, type PiecesRef } from '../shared/arrival.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import { PIECE_BYTES } from './layout.ts';
import { STAGE } from './scripts.ts';

/** Pieces of one message that are in flight at the same time; the limit lets messages alternate. */
const AT_ONCE = 8;

/**
 * Calls `each` for all indexes, several at the same time. After a failure it starts no further ones, and rejects when none is in flight.
 */
async function inTurns(indexes: readonly number[], each: (index: number) => Promise<void>): Promise<void> {
  const left = indexes.values();
  let failure: { readonly cause: unknown } | undefined;
  const next = async (): Promise<void> => {
    for (const index of left) {
      if (failure !== undefined) return;
      try {
        await each(index);
      } catch (error) {
        failure ??= { cause: error };
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  if (failure !== undefined) throw failure.cause;
}

/** Uploads the body of one append to Redis. Pieces that Redis has accepted are not sent again after a failure. */
export class Upload {
  static #made = 0;
  readonly ref: PiecesRef;
  readonly #body: Body;
  readonly #key: string;
  readonly #left: Set<number>;

  constructor(nodeId: string, body: Body, key: string) {
    const count = Math.ceil(body.bytes / PIECE_BYTES);
    // unique over all uploads: each log has an id of its own
    this.ref = { name: `${nodeId}.${++Upload.#made}`, count, bytes: body.bytes };
    this.#body = body;
    this.#key = key;
    this.#left = new Set(Array.from({ length: count }, (_, i) => i));
  }

  /** @param onPiece called for each piece that Redis has accepted; returns false if the upload is not wanted any more */
  async send(session: RedisSession, settings: RedisLogSettings, onPiece: () => boolean): Promise<void> {
    const { redisNow, lifeMs, stagedMs } = settings;
    const cut = cutter(this.#body.chunks);
    await inTurns([...this.#left], async (index) => {
      const piece = cut(index * PIECE_BYTES, Math.min(this.ref.bytes, (index + 1) * PIECE_BYTES));
      const args = [redisNow(), this.ref.name, String(index), piece, String(stagedMs), String(lifeMs)];
      await session.bulk(this.#key, () => session.run(STAGE, [this.#key], args));
      this.#left.delete(index);
      if (!onPiece()) throw new Error('the append has failed meanwhile');
    });
  }
}

/** Copies a range of a body's bytes out of its chunks. */
function cutter(chunks: readonly Uint8Array[]): (from: number, to: number) => Buffer {
  return (from, to) => {
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const chunk of chunks) {
      if (at >= to) break;
      if (at + chunk.length > from) parts.push(chunk.subarray(Math.max(0, from - at), to - at));
      at += chunk.length;
    }
    return Buffer.concat(parts);
  };
}

/** Fetches the bodies of one thread that are in pieces. Fetched pieces are kept after a failure, and not asked for again. */
export class PieceReader {
  readonly #session: RedisSession;
  readonly #key: string;
  readonly #onPiece: () => void;
  readonly #begun = new Map<string, (Buffer | undefined)[]>();

  constructor(session: RedisSession, key: string, onPiece: () => void) {
    this.#session = session;
    this.#key = key;
    this.#onPiece = onPiece;
  }

  /** Undefined if Redis no longer has it. */
  async read({ name, count }: PiecesRef): Promise<readonly Buffer[] | undefined> {
    const pieces = this.#begin(name, count);
    const missing = [...pieces.keys()].filter((index) => pieces[index] === undefined);
    let isGone = false;
    await inTurns(missing, async (index) => {
      if (isGone) return;
      const field = `${name}/${index}`;
      const piece = await this.#session.bulk(this.#key, () =>
        this.#session.call(this.#key, ['HGET', this.#key, field]),
      );
      this.#onPiece();
      if (Buffer.isBuffer(piece)) pieces[index] = kept(piece);
      else isGone = true;
    });
    this.#begun.delete(name);
    return isGone ? undefined : pieces.filter((piece) => piece !== undefined);
  }

  /** Keeps the pieces of the last body that was given up. */
  #begin(name: string, count: number): (Buffer | undefined)[] {
    const begun = this.#begun.get(name) ?? Array.from<Buffer | undefined>({ length: count });
    if (!this.#begun.has(name)) this.#begun.clear();
    this.#begun.set(name, begun);
    return begun;
  }
}
