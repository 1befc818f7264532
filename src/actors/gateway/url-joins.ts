import { closeCodes } from '../../infra/wire/close-codes.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { InboxJoin, Join } from '../connection/wire-protocol.ts';

/** Most clients have none of them in their URL, and join by frames. */
const PARAMETERS = ['thread', 'from', 'inbox'];

/** Joins the threads that a client without our library names in its URL. They are requests like others, with the same limits. */
export function joinFromUrl(connection: ConnectionActor, query: URLSearchParams): void {
  if (!PARAMETERS.some((name) => query.has(name))) return;
  const joins = joinsIn(query);
  if (joins === undefined) connection.evict(closeCodes.badMessage);
  else if (joins.length > 0) connection.joinFromUrl(joins);
}

/** Either no `from`, or one for each `thread`, in the same order. */
function joinsIn(query: URLSearchParams): readonly (Join | InboxJoin)[] | undefined {
  const threads = query.getAll('thread');
  const positions = query.getAll('from');
  if (positions.length > 0 && positions.length !== threads.length) return undefined;
  const inbox = query.get('inbox');
  const asked = { join: {}, isInUrl: true };
  return [
    ...(inbox === null ? [] : [{ t: 'inbox', from: positionIn(inbox), ...asked } satisfies InboxJoin]),
    ...threads.map((th, i): Join => ({ t: 'join', th, from: positionIn(positions[i]), ...asked })),
  ];
}

/** An empty position means none: only new messages. */
const positionIn = (from: string | undefined): string | undefined => (from === '' ? undefined : from);
