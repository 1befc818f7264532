import { parsePosition } from '../infra/log/ids.ts';
import { problemOf } from './problem.ts';

/** As many digits as an offset in a position may have. */
const DIGITS = 15;

/** A position as an offset of Durable Streams: texts that sort as the positions do. */
export function streamOffset(position: string): string {
  const { epoch, offset, id } = parsePosition(position);
  return `${String(offset).padStart(DIGITS, '0')}.${epoch}.${id}`;
}

/**
 * From where to join: `start`, a position, or undefined for what comes from now on.
 * @throws Problem
 */
export function placeOfOffset(offset: string | undefined): string | undefined {
  if (offset === undefined || offset === '-1') return 'start';
  if (offset === 'now') return undefined;
  const [, number, epoch, id] = /^(\d+)\.([\w-]{1,64})\.([\w.:-]{0,128})$/.exec(offset) ?? [];
  if (number?.length !== DIGITS || epoch === undefined || id === undefined)
    throw problemOf('TC_INVALID_POSITION', 'offset is -1, now, or the Stream-Next-Offset of an answer');
  return `${epoch}.${Number(number)}.${id}`;
}

/** Cursors count intervals of this length since this moment (Durable Streams, section 8.1). */
const INTERVAL_MS = 20_000;
const FIRST_AT = Date.UTC(2024, 9, 9);

/** A client that is ahead of the clock gets a cursor up to an hour later (section 8.1). */
const MOST_AHEAD = 3_600_000 / INTERVAL_MS;

/** The cursor after the client's: with the same one, a cache in between could repeat one answer without end. */
export function cursorAfter(cursor: string | undefined, now: number, random = Math.random): string {
  const current = Math.floor((now - FIRST_AT) / INTERVAL_MS);
  const last = cursor !== undefined && /^\d{1,12}$/.test(cursor) ? Number(cursor) : -1;
  return String(last < current ? current : last + 1 + Math.floor(random() * (MOST_AHEAD - 1)));
}
