import { createHash } from 'node:crypto';
import { queryOf } from '../infra/socket/request-target.ts';
import { wallTime } from '../infra/time/clock.ts';
import type { EventRoutes } from './event-routes.ts';
import type { Exchange, HeaderList } from './exchange.ts';
import type { Polled } from './poll-link.ts';
import { commaSeparated, pollThread, waitIn, type Poll, type PollAnswer } from './poll-route.ts';
import { positionLost, problemOf } from './problem.ts';
import { textIn } from './router.ts';
import { streamChunks } from './stream-chunks.ts';
import { cursorAfter, placeOfOffset, streamOffset } from './stream-offset.ts';
import { wordOf, type Word } from './words.ts';

/** How a client reads. */
type Mode = 'head' | 'catch-up' | 'long-poll';

/** Of all answers (Durable Streams, section 10.7). */
const HEADERS: HeaderList = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

/** A message that was removed must not come out of a cache. */
const REVALIDATED: HeaderList = { 'cache-control': 'private, no-cache' };

/** Larger bodies get no `ETag` that is ever seen again: a hash of them would hold the event loop. */
const MOST_HASHED_BYTES = 2_097_152;

/** Reads a thread as a stream of Durable Streams, of the type `application/json`. @throws Problem */
export async function readStream(exchange: Exchange, what: Poll, events: EventRoutes): Promise<void> {
  const query = queryOf(exchange);
  const live = textIn(query, 'live');
  const offset = textIn(query, 'offset');
  if (live !== undefined && live !== 'long-poll' && live !== 'sse')
    throw problemOf('TC_INVALID_OPTION', 'live is long-poll or sse');
  if (query.getAll('offset').length > 1 || (live !== undefined && offset === undefined) || query.get('offset') === '')
    throw problemOf('TC_INVALID_POSITION', 'name one offset: -1, now, or the Stream-Next-Offset of an answer');
  const from = placeOfOffset(offset);
  const { clock } = what.door.context;
  const cursor = cursorAfter(textIn(query, 'cursor'), wallTime(clock));
  const headers = { ...what.headers, ...HEADERS };
  if (live === 'sse' && exchange.method === 'GET')
    return events.open(events.ofStream(what.threadId, from, cursor), exchange, what.visitor, headers);
  const mode = exchange.method === 'HEAD' ? 'head' : live === 'long-poll' ? live : 'catch-up';
  const range = { from: mode === 'head' ? undefined : from, waitMs: mode === 'long-poll' ? waitIn(query) : 0 };
  const ifNoneMatch = exchange.headers['if-none-match'];
  return pollThread(exchange, { ...what, headers }, { ...range, isInOrder: true }, (polled) =>
    answerOf(polled, { mode, offset, cursor, ifNoneMatch }),
  );
}

interface Asked {
  readonly mode: Mode;
  readonly offset: string | undefined;
  readonly cursor: string;
  readonly ifNoneMatch: string | undefined;
}

function answerOf({ position, isUpToDate, frames }: Polled & { isUpToDate: boolean }, asked: Asked): PollAnswer {
  const { mode, offset, cursor, ifNoneMatch } = asked;
  const words = frames.map((chunks) => wordOf({ chunks, isFirst: true, isLast: true }));
  if (words.some(({ t }) => t === 'gap')) return lost();
  const headers = {
    'stream-next-offset': streamOffset(position),
    ...(isUpToDate && { 'stream-up-to-date': 'true' }),
    ...(mode !== 'head' && { 'stream-cursor': cursor }),
  };
  if (mode === 'head') return { status: 200, headers };
  const data = frames.flatMap((chunks, i) => messageIn(chunks, words[i]));
  if (mode === 'long-poll' && data.length === 0) return { status: 204, headers };
  const body = [Buffer.from('['), ...commaSeparated(data), Buffer.from(']')];
  if (offset === 'now' || mode === 'long-poll') return { status: 200, headers, body };
  const etag = etagOf(`${offset ?? '-1'}:${headers['stream-next-offset']}`, body);
  const cached = { ...headers, ...REVALIDATED, etag };
  return ifNoneMatch === etag ? { status: 304, headers: cached } : { status: 200, headers: cached, body };
}

/** Volatile messages are not in the log. */
function messageIn(chunks: readonly Uint8Array[], word: Word | undefined): readonly (readonly Uint8Array[])[] {
  if (word?.t !== 'msg' || word.o === undefined) return [];
  return [streamChunks({ chunks, isFirst: true, isLast: true }, word.isBytes)];
}

/** Of what the body is: an edit changes messages where they are. */
function etagOf(range: string, body: readonly Uint8Array[]): string {
  const hash = createHash('sha1').update(range);
  const bytes = body.reduce((sum, { length }) => sum + length, 0);
  if (bytes > MOST_HASHED_BYTES) hash.update(String(Math.random()));
  else for (const chunk of body) hash.update(chunk);
  return `"${hash.digest('base64url')}"`;
}

function lost(): PollAnswer {
  const { status, body } = positionLost();
  return { status, headers: { 'content-type': 'application/problem+json' }, body };
}
