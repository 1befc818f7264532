import { decodeHeader, idIn, kept, UNKNOWN, type Anchor, type StoredArrival } from '../shared/arrival.ts';
import { numberOf, textOf, type Row } from './driver.ts';

const KINDS = { m: 'message', r: 'replace', d: 'remove', n: 'notice' } as const;

export const signOf = (kind: (typeof KINDS)[keyof typeof KINDS] = 'message'): string =>
  ({ message: 'm', replace: 'r', remove: 'd', notice: 'n' })[kind];

/** A row of the entries. */
export function decodeRow(epoch: string, row: Row): StoredArrival {
  const place = { epoch, offset: numberOf(row.pos), at: numberOf(row.at), id: idIn(textOf(row.id)) };
  if (row.live !== true) return { ...place, header: UNKNOWN, body: [], pieces: undefined };
  const header = { ...decodeHeader(textOf(row.header)), isEdited: row.edited === true };
  const bytes = numberOf(row.size);
  if (typeof row.pieces === 'string')
    return { ...place, header, body: undefined, pieces: { name: row.pieces, count: pieceCount(bytes), bytes } };
  return { ...place, header, body: Buffer.isBuffer(row.body) ? [kept(row.body)] : [], pieces: undefined };
}

/** A larger message is kept, and travels, in pieces of this size. */
export const PIECE_BYTES = 128 * 1024;

export const pieceCount = (bytes: number): number => Math.ceil(bytes / PIECE_BYTES);

/** @param unused the epoch of a thread that has no row */
export function decodeAnchor(row: Row, unused: string): Anchor {
  const now = numberOf(row.now);
  if (typeof row.epoch !== 'string') return { epoch: unused, head: 0, headId: '', now, known: undefined };
  return {
    epoch: row.epoch,
    head: numberOf(row.head),
    headId: idIn(textOf(row.head_id)),
    now,
    known: typeof row.known === 'string' ? row.known : undefined,
  };
}
