import type { HubDoor } from '../actors/gateway/hub-door.ts';
import { parsePosition } from '../infra/log/ids.ts';
import { queryOf } from '../infra/socket/request-target.ts';
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
interface Poll {
  readonly threadId: string;
  readonly visitor: Visitor;
  readonly admission: Admission;
  readonly door: HubDoor;
}

/** Answers when there is something after `from`, or when the time is over. A poll is a connection while it waits. */
export async function poll(
  exchange: Exchange,
  { threadId, visitor, admission, door }: Poll,
  hold: ByteHold,
  headers: HeaderList,
): Promise<void> {
  const query = queryOf(exchange);
  const from = textIn(query, 'from');
  if (from !== undefined && from !== 'start') parsePosition(from);
  const waitMs = numberIn(query, 'waitMs', 25_000, MAX_WAIT_MS);
  await admission.assertRoom(visitor, exchange);
  if (exchange.isGone) return;
  const places = new ThreadPlaces(threadId, from);
  const { clock } = door.context;
  const settings = admission.settingsOf(visitor, exchange);
  const connection = door.port.accept((listener) => {
    const answer = {
      done: (polled: Polled): void => exchange.send(200, headers, bodyOf(polled), () => hold.give(link.takenBytes)),
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
  connection.joinFromUrl([{ t: 'join', th: threadId, from, join: {}, isInUrl: true }]);
}

const COMMA = Buffer.from(',');

function bodyOf({ position, frames }: Polled): readonly Uint8Array[] {
  const messages = frames.flatMap((chunks, i) => (i === 0 ? chunks : [COMMA, ...chunks]));
  return [Buffer.from(`{"position":${JSON.stringify(position)},"messages":[`), ...messages, Buffer.from(']}')];
}
