import { createHash } from 'node:crypto';
import type { HistorySeam } from '../../api/history.ts';
import type { Position } from '../../api/log.ts';
import { formatPosition, isId, parsePosition } from '../../infra/log/ids.ts';
import { InvalidPositionError } from '../../infra/errors.ts';

/** Maximum length of the application's own cursor. */
export const MAX_CURSOR_UNITS = 1_024;

/** No position begins so, and no position has it. */
const SIGN = '~';

/** Three bytes for each unit, in base64, with id and time. */
const MAX_TEXT_UNITS = 8_192;

/** A place in a thread's history: in its log, or in the application's database. */
export type HistoryPlace =
  | { readonly position: Position; readonly at: number | undefined; readonly seam?: undefined }
  | { readonly position?: undefined; readonly seam: HistorySeam };

/** The cursor of a message of the log: its position, and its time for the time when the log has lost it. */
export const cursorOf = (position: Position, at: number): string => `${formatPosition(position)}${SIGN}${at}`;

/** The cursor of a message of the database, of this thread only. */
export function seamCursor(threadId: string, { id, at, cursor }: HistorySeam): string {
  const facts = JSON.stringify([signOf(threadId), id, at, cursor]);
  return SIGN + Buffer.from(facts).toString('base64url');
}

/** @throws InvalidPositionError, also for a cursor of another thread */
export function parseCursor(threadId: string, text: string): HistoryPlace {
  if (text.startsWith(SIGN)) return { seam: seamIn(threadId, text) };
  const [position, at, ...rest] = text.split(SIGN);
  if (rest.length > 0 || (at !== undefined && !/^\d{1,15}$/.test(at))) throw new InvalidPositionError(text);
  return { position: parsePosition(position), at: at === undefined ? undefined : Number(at) };
}

function seamIn(threadId: string, text: string): HistorySeam {
  const facts: unknown = text.length > MAX_TEXT_UNITS ? undefined : parsed(text.slice(SIGN.length));
  const [sign, id, at, cursor]: readonly unknown[] = Array.isArray(facts) ? facts : [];
  const isRight = sign === signOf(threadId) && isId(id) && typeof at === 'number';
  if (!isRight || (typeof cursor === 'string' && cursor.length > MAX_CURSOR_UNITS))
    throw new InvalidPositionError(text);
  return { id, at, cursor: typeof cursor === 'string' ? cursor : undefined };
}

function parsed(base64: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64url').toString());
  } catch {
    return undefined;
  }
}

const signOf = (threadId: string): string => createHash('sha256').update(threadId).digest('base64url').slice(0, 8);
