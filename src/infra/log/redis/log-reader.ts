import { asArray, decodeAnchor, decodeEntries, decodeIds, decodePosition, isMissing } from './codec.ts';
import { type Anchor, type Arrival, type StoredArrival } from '../shared/arrival.ts';
import type { Position } from '../../../api/log.ts';
import type { RedisSession } from './session.ts';
import type { RedisLogSettings } from './options.ts';
import type { ThreadKeys } from './layout.ts';
import type { EntryId, LogSource } from '../shared/tail-host.ts';
import { PieceReader } from './pieces.ts';
import { ANCHORS, IDS, MAX_IDS } from './batch-scripts.ts';
import { isFinalReply } from './connections.ts';
import { APPEND, APPENDS } from './append-scripts.ts';
import type { Argument, CallWeight } from './calls-together.ts';
import { ANCHOR, READ, STAND, type Script } from './scripts.ts';

/** Maximum entries of a page, and bytes after which it ends: one answer must not block Redis, the line or the event loop. */
const MAX_PAGE = 512;
const PAGE_BYTES = 64 * 1024;

/** A page of at most so many entries ends after few bytes, and need not wait in the bulk lane: a list of chats asks for hundreds of them. */
const SMALL_PAGE = 32;
const SMALL_PAGE_BYTES = 8 * 1024;

/** Ids whose comparison is as much work as another call is. */
const IDS_A_CALL = 8;

/** How long the epoch of a thread is kept that was only asked for its position. */
const ASKED_MS = 300_000;

/** Reads one thread's log from Redis, in pages of bounded bytes; large bodies piece by piece. */
export class LogReader implements LogSource {
  readonly #session: RedisSession;
  readonly #settings: RedisLogSettings;
  readonly keys: ThreadKeys;
  /** Those of all threads with the same retention. */
  readonly limits: readonly string[];
  /** Undefined before the first large message. */
  #pieces: PieceReader | undefined;
  #progressAt = -Infinity;

  constructor(threadId: string, session: RedisSession, settings: RedisLogSettings) {
    this.#session = session;
    this.#settings = settings;
    this.keys = settings.keys.thread(threadId);
    this.limits = settings.limitsOf(threadId);
  }

  /** When Redis last answered anything, on the log's clock. */
  get progressAt(): number {
    return this.#progressAt;
  }

  /** @param known a position that is asked about */
  async anchor(known?: { readonly epoch: string; readonly offset: number }): Promise<Anchor> {
    const asked = [known?.epoch ?? '', String(known?.offset ?? 0)];
    const reply = this.#settings.cluster === undefined ? this.#anchorTogether(asked) : this.begun(ANCHOR, asked);
    return decodeAnchor(await reply);
  }

  async #anchorTogether(asked: readonly string[]): Promise<unknown> {
    const { redisNow, newEpoch } = this.#settings;
    const { log, position } = this.keys;
    try {
      const shared = [redisNow(), ...this.limits];
      const reply = await this.#session.together(ANCHORS, shared, [log, position], [newEpoch(), ...asked]);
      this.progressed();
      return reply;
    } catch (error) {
      // one thread must not keep the others from their positions
      if (isFinalReply(error)) return this.begun(ANCHOR, asked);
      throw error;
    }
  }

  /**
   * Appends messages.
   * @param publish the command with which notices are published
   * @param messages the arguments of `APPEND`, five of each
   */
  append(publish: string, messages: readonly Argument[]): Promise<unknown> {
    return this.begun(APPEND, [this.keys.channel, publish, String(this.#settings.inlineBytes), ...messages]);
  }

  /** As `append`, and those of other threads in the same command; not for a cluster. Fails with the appends of the others. */
  async appendTogether(messages: readonly Argument[], weight: CallWeight): Promise<unknown> {
    const { inlineBytes, newEpoch, redisNow } = this.#settings;
    const { log, position, channel } = this.keys;
    const shared = [redisNow(), ...this.limits, String(inlineBytes)];
    const args = Array.of<Argument>(newEpoch(), channel, String(weight.calls)).concat(messages);
    const reply = await this.#session.together(APPENDS, shared, [log, position], args, weight);
    this.progressed();
    return reply;
  }

  /** The thread's position; undefined if it has no log. Writes nothing. */
  async standing(): Promise<Anchor | undefined> {
    const { log } = this.keys;
    const reply = await this.#session.run(STAND, [log], [this.#settings.redisNow()]);
    this.progressed();
    return isMissing(reply) ? undefined : decodeAnchor(reply);
  }

  /** The position of the newest entry. For a thread that was never used, it writes the epoch, and keeps that for five minutes. */
  async position(): Promise<Position> {
    const standing = await this.standing();
    if (standing !== undefined) return { epoch: standing.epoch, offset: standing.head, id: standing.headId };
    const former = await this.former();
    if (former !== undefined) return former;
    const { newEpoch } = this.#settings;
    const asked = ['', '0', String(ASKED_MS)];
    const { epoch, head, headId } = decodeAnchor(await this.#run(ANCHOR, [newEpoch(), '0', ''], asked));
    return { epoch, offset: head, id: headId };
  }

  /** Runs a script on the thread's log. If there is none, it begins one where the last one ended, or with a new epoch. */
  async begun(script: Script, args: readonly Argument[]): Promise<unknown> {
    const { cluster, newEpoch } = this.#settings;
    if (cluster === undefined) return this.#run(script, [newEpoch(), '0', ''], args, [this.keys.position]);
    const reply = await this.#run(script, ['', '', ''], args);
    if (!isMissing(reply)) return reply;
    const { epoch, offset, id } = (await this.former()) ?? { epoch: newEpoch(), offset: 0, id: '' };
    return this.#run(script, [epoch, String(offset), id], args);
  }

  /**
   * @param start an epoch, offset and id to begin a log with if there is none, or `''` for each
   * @param others keys besides that of the log
   */
  async #run(
    script: Script,
    start: readonly string[],
    args: readonly Argument[],
    others: readonly string[] = [],
  ): Promise<unknown> {
    const { redisNow } = this.#settings;
    const { log } = this.keys;
    const reply = await this.#session.run(script, [log, ...others], [redisNow(), ...this.limits, ...start, ...args]);
    this.progressed();
    return reply;
  }

  /** The thread's position when its log expired. */
  async former(): Promise<Position | undefined> {
    const { position } = this.keys;
    return decodePosition(await this.#session.call(position, ['GET', position]));
  }

  /** Entries from an offset on, oldest first; empty if there are none. */
  async after(from: number, epoch: string): Promise<Arrival[]> {
    for (let at = from; ;) {
      const { page, goneAt } = await this.#page([epoch, String(at), '+', '1'], MAX_PAGE);
      if (page.length > 0 || goneAt === undefined) return page;
      at = goneAt + 1;
    }
  }

  /** Entries from an offset down to another one, newest first. */
  async before(from: number, to: number, epoch: string, limit = MAX_PAGE): Promise<Arrival[]> {
    return (await this.#page([epoch, String(from), String(to), '-1'], limit)).page;
  }

  async idsBefore(from: number, to: number, epoch: string): Promise<readonly EntryId[]> {
    const { log } = this.keys;
    const args = [epoch, String(from), String(to)];
    const weight = { calls: Math.ceil(Math.min(MAX_IDS, from - to + 1) / IDS_A_CALL), bytes: 0 };
    const alone = async (): Promise<unknown> => asArray(await this.#session.run(IDS, [log], args))[0];
    const together = async (): Promise<unknown> => {
      try {
        return await this.#session.together(IDS, [], [log], args, weight);
      } catch (error) {
        // one thread must not keep the others from theirs
        if (isFinalReply(error)) return alone();
        throw error;
      }
    };
    const ids = decodeIds(await (this.#settings.cluster === undefined ? together() : alone()), epoch);
    this.progressed();
    if (ids === undefined) throw new Error('the thread has another epoch now');
    return ids;
  }

  /** Like `before`, possibly without bodies. */
  arrivalsBefore(from: number, to: number, epoch: string): Promise<readonly Arrival[]> {
    return this.#read([epoch, String(from), String(to), '-1'], MAX_PAGE);
  }

  /** The oldest entry, possibly without its body. */
  async oldest(epoch: string): Promise<Arrival | undefined> {
    const [oldest] = await this.#read([epoch, '1', '+', '1'], 1);
    return oldest;
  }

  /** Ends after the first large entry, so that a page has few bytes besides those of one message. */
  async #page(
    range: readonly string[],
    limit: number,
  ): Promise<{ readonly page: Arrival[]; readonly goneAt?: number }> {
    const page: Arrival[] = [];
    let goneAt: number | undefined;
    for (const { pieces, ...arrival } of await this.#read(range, limit)) {
      if (pieces === undefined) page.push(arrival);
      else {
        this.#pieces ??= new PieceReader(this.#session, this.keys.log, () => this.progressed());
        const body = await this.#pieces.read(pieces);
        if (body !== undefined) return { page: [...page, { ...arrival, body }] };
        // trimmed meanwhile, which shows where the next page begins
        if (page.length > 0) break;
        goneAt = arrival.offset;
      }
    }
    return goneAt === undefined ? { page } : { page, goneAt };
  }

  async #read([epoch = '', ...range]: readonly string[], limit: number): Promise<StoredArrival[]> {
    const { log } = this.keys;
    const isSmall = limit <= SMALL_PAGE;
    const args = [epoch, ...range, String(limit), String(isSmall ? SMALL_PAGE_BYTES : PAGE_BYTES)];
    const run = (): Promise<unknown> => this.#session.run(READ, [log], args);
    const reply = await (isSmall ? run() : this.#session.bulk(log, run));
    this.progressed();
    const stored = decodeEntries(reply, epoch);
    if (stored === undefined) throw new Error('the thread has another epoch now');
    return stored;
  }

  /** Redis has answered. */
  progressed(): void {
    this.#progressAt = this.#settings.clock.now();
  }
}
