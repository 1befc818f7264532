import { randomId } from '../ids.ts';
import type { PendingAppend } from '../shared/pending-appends.ts';
import type { PostgresLogSettings } from './options.ts';
import { PIECE_BYTES } from './rows.ts';
import type { PostgresSession } from './session.ts';

/** Writes a large message piece by piece, before the statement that appends it. */
export class Upload {
  readonly name = randomId();
  readonly #own: PendingAppend;
  readonly #session: PostgresSession;
  readonly #settings: PostgresLogSettings;
  #sent = 0;
  #hasBegun = false;

  constructor(own: PendingAppend, session: PostgresSession, settings: PostgresLogSettings) {
    this.#own = own;
    this.#session = session;
    this.#settings = settings;
  }

  /** Continues where it was interrupted; stops when the append has failed meanwhile. */
  async send(): Promise<void> {
    const { schema, now, clock } = this.#settings;
    const { body } = this.#own.draft;
    body.retain();
    try {
      if (!this.#hasBegun)
        await this.#session.query(
          `INSERT INTO ${schema}.uploads VALUES ($1, coalesce($2::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint))
           ON CONFLICT (name) DO NOTHING`,
          [this.name, now()],
        );
      this.#hasBegun = true;
      for (; this.#sent * PIECE_BYTES < body.bytes && !this.#own.isSettled; this.#sent++) {
        await this.#session.query(`INSERT INTO ${schema}.pieces VALUES ($1, $2, $3) ON CONFLICT (name, n) DO NOTHING`, [
          this.name,
          this.#sent,
          slice(body.chunks, this.#sent * PIECE_BYTES, PIECE_BYTES),
        ]);
        this.#own.progressed(clock.now());
      }
    } finally {
      body.release();
    }
  }
}

/** A copy of some of the bytes. */
function slice(chunks: readonly Uint8Array[], from: number, length: number): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const chunk of chunks) {
    const [start, end] = [Math.max(0, from - at), Math.min(chunk.length, from + length - at)];
    if (start < end) parts.push(chunk.subarray(start, end));
    at += chunk.length;
  }
  return Buffer.concat(parts);
}
