import { closeCodes } from '../../infra/wire/close-codes.ts';
import { ThreadcastError } from '../../infra/errors.ts';
import type { ConnectionActor } from '../connection/connection.ts';

/** A thread that the URL asks for. */
interface Wish {
  readonly threadId: string;
  readonly from: string | undefined;
}

/** What a client's URL may be to blame for. */
const THEIR_ERRORS: ReadonlySet<string> = new Set(['TC_INVALID_THREAD_ID', 'TC_INVALID_POSITION']);

/** A client without our code says in the URL what it wants to join. Never rejects. */
export async function joinFromUrl(
  connection: ConnectionActor,
  query: URLSearchParams,
  report: (error: unknown) => void,
): Promise<void> {
  const wishes = wishesOf(query);
  if (wishes === undefined) return connection.evict(closeCodes.badMessage);
  try {
    const inbox = query.get('inbox');
    if (inbox !== null && !(await connection.openInbox(positionIn(inbox))))
      return connection.evict(closeCodes.forbidden);
    for (const { threadId, from } of wishes) {
      if (connection.state === 'evicted') return;
      if (!(await connection.mayJoin(threadId))) return connection.evict(closeCodes.forbidden);
      await connection.rejoin(threadId, from);
    }
  } catch (error) {
    if (connection.state === 'evicted') return;
    const isTheirs = error instanceof ThreadcastError && THEIR_ERRORS.has(error.code);
    connection.evict(isTheirs ? closeCodes.badMessage : closeCodes.overloaded);
    if (!isTheirs) report(error);
  }
}

/** An empty one is none: what comes from now on. */
const positionIn = (from: string | undefined): string | undefined => (from === '' ? undefined : from);

/** Either no `from`, or one for each `thread`, in the same order; an empty one is none. */
function wishesOf(query: URLSearchParams): readonly Wish[] | undefined {
  const threads = query.getAll('thread');
  const positions = query.getAll('from');
  if (positions.length > 0 && positions.length !== threads.length) return undefined;
  return threads.map((threadId, i) => ({ threadId, from: positionIn(positions[i]) }));
}
