import type { HistorySeam, HistorySource, LoadedHistory, LoadedMessage } from '../../api/history.ts';
import { AnswerTimeoutError, asError, HistoryFailedError } from '../../infra/errors.ts';
import { isId } from '../../infra/log/ids.ts';
import { isObject } from '../../infra/wire/json-object.ts';
import { withDeadline } from '../support/callback-deadline.ts';
import type { HubContext } from '../support/context.ts';
import { MAX_CURSOR_UNITS } from './history-cursor.ts';

/**
 * Asks the application's database.
 * @throws HistoryFailedError, AnswerTimeoutError
 */
export async function loadHistory(
  source: HistorySource,
  threadId: string,
  range: { readonly before: HistorySeam | undefined; readonly limit: number },
  context: Pick<HubContext, 'settings' | 'now' | 'lookAtEachSweep' | 'report'>,
): Promise<LoadedHistory> {
  const limit = new AbortController();
  try {
    const answer: unknown = await withDeadline(
      'history.load',
      source.load(threadId, { ...range, signal: limit.signal }),
      context,
    );
    return before(checked(answer, threadId, range.limit), threadId, range.before, context);
  } catch (error) {
    limit.abort(error);
    if (error instanceof AnswerTimeoutError || error instanceof HistoryFailedError) throw error;
    throw new HistoryFailedError({ threadId, reason: asError(error).message, cause: error });
  }
}

/** Of more messages than were asked for, the newest. */
function checked(answer: unknown, threadId: string, limit: number): LoadedHistory {
  const { messages, hasOlder } = isObject(answer) ? answer : {};
  if (!Array.isArray(messages) || typeof hasOlder !== 'boolean')
    throw new HistoryFailedError({ threadId, reason: 'expected { messages, hasOlder }' });
  const page = messages.slice(-limit).map((message: unknown) => {
    if (isLoaded(message)) return message;
    throw new HistoryFailedError({ threadId, reason: 'expected messages { id, at, data, cursor? }' });
  });
  return { messages: page, hasOlder: hasOlder || messages.length > page.length };
}

/**
 * A database that ignores `before` answers each question with the same messages, without end. The message that was asked about and those
 * after it are left out; a page that ends with that message is only inclusive.
 */
function before(
  page: LoadedHistory,
  threadId: string,
  seam: HistorySeam | undefined,
  { report }: Pick<HubContext, 'report'>,
): LoadedHistory {
  const { messages } = page;
  const at = messages.findIndex(({ id }) => id === seam?.id);
  if (at < 0) return page;
  const after = messages.length - 1 - at;
  if (after > 0) {
    const reason = `expected messages before ${messages[at]?.id}, not that one and ${after} after it`;
    report(new HistoryFailedError({ threadId, reason }));
  }
  return { messages: messages.slice(0, at), hasOlder: page.hasOlder };
}

function isLoaded(message: unknown): message is LoadedMessage {
  if (!isObject(message)) return false;
  const { id, at, data, cursor } = message;
  const hasRightCursor = cursor === undefined || (typeof cursor === 'string' && cursor.length <= MAX_CURSOR_UNITS);
  return isId(id) && Number.isFinite(at) && data !== undefined && hasRightCursor;
}
