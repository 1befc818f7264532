import { parsePosition } from '../infra/log/ids.ts';
import { queryOf } from '../infra/socket/request-target.ts';
import type { HubDoor } from '../actors/gateway/hub-door.ts';
import type { Admission, Visitor } from './admission.ts';
import type { ByteHold } from './byte-hold.ts';
import type { Exchange, HeaderList } from './exchange.ts';
import { ThreadPlaces } from './places.ts';
import { PollLink, type Polled } from './poll-link.ts';
import { problemOfClose } from './problem.ts';
import { numberIn, textIn } from './router.ts';

/** How long a poll may wait: proxies give up an idle response after a minute. */
const MAX_WAIT_MS = 55_000;

/** Messages of an answer, unless one alone has more. */
const MAX_BYTES = 1_048_576;

/** What is polled, by whom. */
export interface Poll {
  readonly threadId: string;
  readonly visitor: Visitor;
  readonly admission: Admission;
  readonly door: HubDoor;
  readonly hold: ByteHold;
  /** Of each answer. */
  readonly headers: HeaderList;
}

/** What a poll is answered with. */
export interface PollAnswer {
  readonly status: number;
  /** Besides those of the poll. */
  readonly headers?: HeaderList | undefined;
  readonly body?: string | readonly Uint8Array[] | undefined;
}

/** The wait that a client asks for, in milliseconds. @throws Problem */
export const waitIn = (query: URLSearchParams): number => numberIn(query, 'waitMs', 25_000, MAX_WAIT_MS);

/** Answers when there is something after `from`, or when the time is over. */
export function poll(exchange: Exchange, what: Poll): Promise<void> {
  const query = queryOf(exchange);
  const from = textIn(query, 'from');
  if (from !== undefined && from !== 'start') parsePosition(from);
  const range = { from, waitMs: waitIn(query), isInOrder: false };
  return pollThread(exchange, what, range, (polled) => ({ status: 200, body: bodyOf(polled) }));
}

/**
 * A poll is a connection while it waits.
 * @param range from where to join, and how long to wait for the first message, in milliseconds
 */
export async function pollThread(
  exchange: Exchange,
  { threadId, visitor, admission, door, hold, headers }: Poll,
  range: { readonly from: string | undefined; readonly waitMs: number; readonly isInOrder: boolean },
  answerOf: (polled: Polled & { readonly isUpToDate: boolean }) => PollAnswer,
): Promise<void> {
  await admission.assertRoom(visitor, exchange);
  if (exchange.isGone) return;
  const { from, waitMs, isInOrder } = range;
  const places = new ThreadPlaces(threadId, from);
  const { clock } = door.context;
  const settings = { ...admission.settingsOf(visitor, exchange), isReader: true };
  const connection = door.port.accept((listener) => {
    const answer = {
      done: (polled: Polled): void => {
        // entries without a message, such as superseded ones, move no position; a log that is slow leaves the connection behind
        const isUpToDate = polled.hasReachedHead || (polled.frames.length === 0 && connection.stats.behind === 0);
        const { status, headers: more, body } = answerOf({ ...polled, isUpToDate });
        exchange.send(status, { ...headers, ...more }, body, () => hold.give(link.takenBytes));
      },
      refuse: (code: number, reason: string): void => {
        hold.give(link.takenBytes);
        const problem = problemOfClose(code, reason);
        exchange.send(problem.status, { ...headers, 'content-type': 'application/problem+json' }, problem.body);
      },
      lost: () => hold.give(link.takenBytes),
    };
    const link = new PollLink(answer, { places, waitMs, maxBytes: MAX_BYTES, hold }, clock, listener);
    exchange.onGone(link.lost);
    return link;
  }, settings);
  connection.joinFromUrl([{ t: 'join', th: threadId, from, join: { isInOrder }, isInUrl: true }]);
}

const COMMA = Buffer.from(',');

/** @param items each as the chunks of its JSON @returns the items of a JSON array, without the brackets */
export const commaSeparated = (items: readonly (readonly Uint8Array[])[]): readonly Uint8Array[] =>
  items.flatMap((chunks, i) => (i === 0 ? chunks : [COMMA, ...chunks]));

function bodyOf({ position, frames }: Polled): readonly Uint8Array[] {
  const head = Buffer.from(`{"position":${JSON.stringify(position)},"messages":[`);
  return [head, ...commaSeparated(frames), Buffer.from(']}')];
}
