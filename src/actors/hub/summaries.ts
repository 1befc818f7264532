import type { HistoryMessage } from '../../api/history.ts';
import type { LogPage, Position } from '../../api/log.ts';
import type { MaybePromise } from '../../api/message.ts';
import type { SummaryOptions, SummaryRequest, ThreadSummary } from '../../api/summary.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { assertThreadId, assertUserId, parsePosition } from '../../infra/log/ids.ts';
import { checkCount } from '../../infra/option-checks.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { isObject } from '../../infra/wire/json-object.ts';
import { userScope } from '../support/id-scope.ts';
import type { HubContext } from '../support/context.ts';
import { inParallel } from '../support/wait.ts';
import { HistoryPages, MOST_IN_PAGE } from '../thread/history-pages.ts';
import { parsePage } from '../thread/history-reader.ts';

/** Threads that are read at the same time: their questions to a shared log travel together. */
const AT_ONCE = 256;

/** Threads of one call. */
const MOST_THREADS = 1_000;

/** Messages of the first page that is counted, in most threads the only one, and of later ones. */
const COUNTED = { first: 8, later: 128 };

/** Bytes after which the first page ends. */
const FIRST_BYTES = 64 * 1024;

/** The key of a user's receipt, before the user's id: that of `threadcast/presence`, which a page loads without the server. */
const READ_RECEIPT = '~read:';

const OPTIONS: OptionTable<SummaryOptions> = { userId: 'text', maxUnread: 'number' };
const REQUEST: OptionTable<SummaryRequest> = { id: 'text', readTo: 'text' };

interface Summarized {
  readonly threadId: string;
  readonly readTo: Position | undefined;
}

/**
 * Reads the newest message of each thread, and counts what comes after a position or the user's receipt, without opening threads.
 * @throws InvalidOptionError, InvalidThreadIdError, InvalidPositionError, and what `thread.history` throws
 */
export async function readSummaries(
  threads: readonly (string | SummaryRequest)[],
  options: SummaryOptions,
  context: HubContext,
): Promise<readonly ThreadSummary[]> {
  checkOptions<SummaryOptions>(options, OPTIONS);
  const { userId } = options;
  if (userId !== undefined) assertUserId('userId', userId);
  const maxUnread = checkCount('maxUnread', options.maxUnread, 100, { min: 1, max: 1_000 });
  const except = userId === undefined ? undefined : userScope(userId);
  return inParallel(context.scheduler, AT_ONCE, checkThreads(threads), async ({ threadId, readTo }) => {
    const isCounted = readTo !== undefined || userId !== undefined;
    const [page, read = readTo] = await Promise.all([
      context.settings.log.readBefore(threadId, Infinity, isCounted ? COUNTED.first : 1, FIRST_BYTES),
      readTo ?? (userId === undefined ? undefined : receiptOf(threadId, userId, context)),
    ]);
    const [last, unread] = await Promise.all([
      newestOf(threadId, page, context),
      read &&
        countAfter(read, page, maxUnread, except, (before) =>
          context.settings.log.readBefore(threadId, before, COUNTED.later, MOST_IN_PAGE.bytes),
        ),
    ]);
    return { threadId, last, unread };
  });
}

function checkThreads(threads: unknown): readonly Summarized[] {
  if (!Array.isArray(threads) || threads.length > MOST_THREADS) {
    const expected = `an array of at most ${MOST_THREADS} thread ids or { id, readTo? }`;
    throw new InvalidOptionError({ option: 'threads', value: threads, expected });
  }
  return threads.map((thread: unknown) => {
    const { id, readTo } = typeof thread === 'string' ? { id: thread, readTo: undefined } : checkRequest(thread);
    assertThreadId(id);
    return { threadId: id, readTo: readTo === undefined ? undefined : parsePosition(readTo) };
  });
}

function checkRequest(request: unknown): { readonly id: unknown; readonly readTo: string | undefined } {
  checkOptions<SummaryRequest>(request, REQUEST, 'threads');
  const { id, readTo } = isObject(request) ? request : {};
  return { id, readTo: typeof readTo === 'string' ? readTo : undefined };
}

/** Where the user has read up to, as `receipts` of `threadcast/presence` keeps it. */
async function receiptOf(threadId: string, userId: string, { settings }: HubContext): Promise<Position | undefined> {
  const values = await settings.log.values?.read(threadId, READ_RECEIPT + userId);
  const position: unknown = values?.[0] && JSON.parse(values[0].json);
  try {
    return typeof position === 'string' ? parsePosition(position) : undefined;
  } catch {
    // a text that the user's client has chosen
    return undefined;
  }
}

async function newestOf(threadId: string, page: LogPage, context: HubContext): Promise<HistoryMessage | undefined> {
  const entry = page.entries.at(-1);
  // dropped meanwhile, or only the application's database may have one
  if (entry?.body.isAlive !== true) {
    const raw = await new HistoryPages(threadId, context).read({ limit: 1, maxBytes: MOST_IN_PAGE.bytes });
    return (await parsePage(threadId, raw, context)).messages.at(-1);
  }
  entry.body.retain();
  const raw = { epoch: page.position.epoch, entries: [entry], loaded: [], hasOlder: true };
  return (await parsePage(threadId, raw, context)).messages.at(-1);
}

/**
 * @param newest the thread's newest page
 * @param except the scope of the user, whose excepted messages do not count
 */
async function countAfter(
  { epoch, offset }: Position,
  newest: LogPage,
  most: number,
  except: string | undefined,
  readBefore: (offset: number) => MaybePromise<LogPage>,
): Promise<number> {
  let count = 0;
  for (let page = newest; ;) {
    const after = page.position.epoch === epoch ? offset : 0;
    for (const entry of page.entries)
      if (entry.offset > after && (except === undefined || entry.except !== except)) count++;
    const [oldest] = page.entries;
    if (count >= most) return most;
    if (!page.hasOlder || oldest === undefined || oldest.offset <= after + 1) return count;
    page = await readBefore(oldest.offset);
  }
}
