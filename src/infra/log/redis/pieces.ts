import type { Body } from '../../../api/body.ts';
import { kept, type PiecesRef } from './codec.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import { PIECE_BYTES } from './layout.ts';
import { STAGE } from './scripts.ts';

/** Pieces of one message that wait, or are on their way, at the same time: so that messages take turns. */
const AT_ONCE = 8;

/** Calls `each` for all indexes, some at the same time; after a failure no further ones, and rejects when none is in flight. */
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

/** Brings the body of one append to Redis. What Redis has taken is not sent again after a failure. */
export class Upload {
  static #made = 0;
  readonly ref: PiecesRef;
  readonly #body: Body;
  readonly #key: string;
  readonly #left: Set<number>;

  constructor(nodeId: string, body: Body, key: string) {
    const count = Math.ceil(body.bytes / PIECE_BYTES);
    // of no other upload, ever: each log has an id of its own
    this.ref = { name: `${nodeId}.${++Upload.#made}`, count, bytes: body.bytes };
    this.#body = body;
    this.#key = key;
    this.#left = new Set(Array.from({ length: count }, (_, i) => i));
  }

  /** @param onPiece told of each that Redis has taken; false where it is not wanted any more */
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

/** Bytes of a body from one place to another, copied out of its chunks. */
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

/** Fetches the bodies of one thread that are in pieces. What has come stays after a failure, and is not asked for again. */
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

  /** Undefined where Redis does not have it any more. */
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

  /** Of what was given up, the last is kept. */
  #begin(name: string, count: number): (Buffer | undefined)[] {
    const begun = this.#begun.get(name) ?? Array.from<Buffer | undefined>({ length: count });
    if (!this.#begun.has(name)) this.#begun.clear();
    this.#begun.set(name, begun);
    return begun;
  }
}
