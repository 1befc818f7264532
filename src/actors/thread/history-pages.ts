import type { Entry } from '../../api/entry.ts';
import type { HistoryPage, HistorySeam, LoadedMessage } from '../../api/history.ts';
import type { LogPage, Position } from '../../api/log.ts';
import type { MaybePromise } from '../../api/message.ts';
import { PositionLostError } from '../../infra/errors.ts';
import { formatPosition } from '../../infra/log/ids.ts';
import type { HubContext } from '../support/context.ts';
import { parseCursor } from './history-cursor.ts';
import { loadHistory } from './history-source.ts';

/** Maximum messages and bytes of a page. */
export const MOST_IN_PAGE = { messages: 1_000, bytes: 4 * 1024 * 1024 };

/** What a reader asks for, as it came. */
export interface PageRequest {
  readonly before?: string | undefined;
  /** Like `before`, but with the message at the position. */
  readonly until?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
  readonly maxBytes: number;
}

/** A page that has not been parsed. Its reader releases the bodies of the entries. */
export interface RawPage {
  readonly epoch: string;
  /** Of the log, oldest first; they come after the loaded ones. */
  readonly entries: readonly Entry[];
  /** Of the application's database. */
  readonly loaded: readonly LoadedMessage[];
  readonly hasOlder: boolean;
  readonly gap?: HistoryPage['gap'];
}

/**
 * Reads pages of a thread's history: of its log, and where that ends, of the application's database. A page is next to its cursor, so that
 * pages that are read one after the other have each message once.
 */
export class HistoryPages {
  readonly #threadId: string;
  readonly #context: HubContext;

  constructor(threadId: string, context: HubContext) {
    this.#threadId = threadId;
    this.#context = context;
  }

  /** @throws InvalidPositionError, PositionLostError, LogUnavailableError, HistoryFailedError, AnswerTimeoutError */
  read(request: PageRequest): Promise<RawPage> {
    const { before, until, after } = request;
    const end = before ?? until;
    const to = end === undefined ? undefined : parseCursor(this.#threadId, end);
    const from = after === undefined ? undefined : parseCursor(this.#threadId, after);
    if (to?.seam !== undefined) {
      const since = from?.seam?.id ?? from?.position?.id;
      return this.#ofSource({ before: to.seam, limit: request.limit }, since);
    }
    if (to === undefined && from !== undefined) return this.#after(from.position, request);
    return this.#before(to?.position, to?.at, from, request);
  }

  async #after(from: Position | undefined, { limit, maxBytes }: PageRequest): Promise<RawPage> {
    const { log } = this.#context.settings;
    const threadId = this.#threadId;
    const ahead = await log.readBefore(threadId, from === undefined ? Infinity : from.offset + 1, 1, maxBytes);
    this.#assertKnown(from, ahead.position, 0);
    const { epoch } = ahead.position;
    const offset = from?.offset ?? ahead.first - 1;
    const entries = await this.#hold(async () => within(await log.readAfter(threadId, offset, limit), maxBytes));
    const isTrimmed = from === undefined || offset < ahead.first - 1;
    const position = formatPosition({ epoch, offset: ahead.first - 1, id: '' });
    const hasOlder = from === undefined || ahead.entries.length > 0 || this.#source !== undefined;
    return { epoch, entries, loaded: [], hasOlder, ...(isTrimmed && { gap: { why: 'trimmed', position } }) };
  }

  async #before(
    to: Position | undefined,
    at: number | undefined,
    from: ReturnType<typeof parseCursor> | undefined,
    { until, before, limit, maxBytes }: PageRequest,
  ): Promise<RawPage> {
    const { log } = this.#context.settings;
    const isWith = before === undefined && until !== undefined;
    const offset = to === undefined ? Infinity : to.offset + (isWith ? 1 : 0);
    let page: LogPage | undefined;
    const entries = await this.#hold(async () => {
      page = await log.readBefore(this.#threadId, offset, limit, maxBytes);
      return page.entries;
    });
    try {
      const { position = NOWHERE, hasOlder = false } = page ?? {};
      this.#assertKnown(to, position, isWith ? 0 : 1);
      this.#assertKnown(from?.position, position, 0);
      const { epoch } = position;
      const since = from?.position?.offset ?? -1;
      const left = entries.filter((entry) => entry.offset > since || this.#drop(entry));
      const room = limit - entries.length;
      const isWhole = hasOlder || left.length < entries.length || from?.position !== undefined;
      if (isWhole || room === 0 || this.#source === undefined)
        return { epoch, entries: left, loaded: [], hasOlder: isWhole || (room === 0 && this.#source !== undefined) };
      const [oldest] = left;
      const seam = oldest === undefined ? await this.#seam(to, at, isWith) : seamOf(oldest);
      const known = new Set(left.map(({ id }) => id));
      const older = await this.#older({ before: seam, limit: room }, known, left.length > 0, from?.seam?.id);
      return { ...older, epoch, entries: left };
    } catch (error) {
      for (const { body } of entries) body.release();
      throw error;
    }
  }

  /** Where the database goes on if the log has nothing before a position. */
  async #seam(to: Position | undefined, at: number | undefined, isWith: boolean): Promise<HistorySeam | undefined> {
    if (to !== undefined && !isWith && to.id !== '') return { id: to.id, at, cursor: undefined };
    const [next] = await this.#context.settings.log.readAfter(this.#threadId, to?.offset ?? 0, 1);
    return next && to && seamOf(next);
  }

  async #ofSource(
    range: { readonly before: HistorySeam; readonly limit: number },
    since: string | undefined,
  ): Promise<RawPage> {
    return { epoch: '', entries: [], ...(await this.#older(range, new Set(), false, since)) };
  }

  /**
   * @param isOptional the page has messages of the log, so that a failure of the database does not cost them
   * @param since id of a message of the database: only those after it
   */
  async #older(
    range: { readonly before: HistorySeam | undefined; readonly limit: number },
    known: Set<string>,
    isOptional: boolean,
    since: string | undefined,
  ): Promise<Pick<RawPage, 'loaded' | 'hasOlder'>> {
    if (this.#source === undefined) return { loaded: [], hasOlder: false };
    try {
      const { messages, hasOlder } = await loadHistory(this.#source, this.#threadId, range, this.#context);
      if (range.before === undefined) await this.#addLogged(known);
      else known.add(range.before.id);
      const loaded = messages.filter(({ id }) => !known.has(id) && known.add(id));
      const at = loaded.findIndex(({ id }) => id === since);
      // a database that goes on with what the reader has already would never come to an end
      return { loaded: loaded.slice(at + 1), hasOlder: at >= 0 || (hasOlder && loaded.length > 0) };
    } catch (error) {
      if (!isOptional) throw error;
      this.#context.report(error);
      return { loaded: [], hasOlder: true };
    }
  }

  /** What was logged while the database was asked for its newest messages reaches the reader from the log. */
  async #addLogged(known: Set<string>): Promise<void> {
    const { log } = this.#context.settings;
    const { entries } = await log.readBefore(this.#threadId, Infinity, MOST_IN_PAGE.messages, MOST_IN_PAGE.bytes);
    for (const { id } of entries) known.add(id);
  }

  get #source() {
    return this.#context.settings.history;
  }

  /** @param beyond how far after the newest entry it may be */
  #assertKnown(position: Position | undefined, { epoch, offset }: Position, beyond: number): void {
    if (position === undefined) return;
    const why = position.epoch !== epoch ? 'epoch' : 'ahead';
    if (why === 'ahead' && position.offset <= offset + beyond) return;
    throw new PositionLostError({ threadId: this.#threadId, position: formatPosition(position), why });
  }

  /** The entries of an answer, retained. Asks again if they were dropped meanwhile: their memory belongs to other messages now. */
  async #hold(read: () => MaybePromise<readonly Entry[]>): Promise<readonly Entry[]> {
    for (;;) {
      const entries = await read();
      if (!entries.every(({ body }) => body.isAlive)) continue;
      for (const { body } of entries) body.retain();
      return entries;
    }
  }

  #drop({ body }: Entry): false {
    body.release();
    return false;
  }
}

const NOWHERE: Position = { epoch: '', offset: 0, id: '' };

const seamOf = ({ id, at }: Entry): HistorySeam => ({ id, at, cursor: undefined });

/** The first of them, up to so many bytes, one at least. */
function within(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0;
  const end = entries.findIndex(({ body }, i) => (bytes += body.bytes) > maxBytes && i > 0);
  return end < 0 ? entries : entries.slice(0, end);
}
