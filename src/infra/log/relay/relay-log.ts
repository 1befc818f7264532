import type { Entry, EntryDraft } from '../../../api/entry.ts';
import type { Appended, DeliveryLog, LogPage, LogReset, LogSubscription, Position } from '../../../api/log.ts';
import type { TimerHandle } from '../../../api/clock.ts';
import { LogUnavailableError } from '../../errors.ts';
import { releaseDraft, makeEntry } from '../entry.ts';
import type { Arrival } from '../shared/arrival.ts';
import { draftOf } from '../shared/draft-of.ts';
import { Availability } from '../shared/availability.ts';
import { MemoryLimit } from '../shared/memory-limit.ts';
import { PendingAppends, type PendingSettings } from '../shared/pending-appends.ts';
import { RetryUntil } from '../shared/retry-until.ts';
import type { TailSettings } from '../shared/tail-host.ts';
import { TrimRound } from '../trim-round.ts';
import { countIn, textIn, type RelayFrame } from './frames.ts';
import { RelayAnswers, RelayPresence, type Ask } from './relay-parts.ts';
import { RelayValues } from './relay-values.ts';
import { RelayRefusal, type RelayListener, type RelaySession } from './session.ts';
import { arrivalIn, arrivalsIn } from './stored-entry.ts';
import { RelayThread, type ThreadReader, type ThreadServices } from './thread.ts';

/** How often a node says that it is alive. */
const BEAT_MS = 3_000;

const TICK_MS = 250;

export type RelayLogSettings = TailSettings & PendingSettings;

/** The log of a process behind a relay. */
export class RelayLog implements DeliveryLog, RelayListener {
  readonly presence: RelayPresence;
  readonly answers: RelayAnswers;
  readonly values: RelayValues;
  readonly #settings: RelayLogSettings;
  readonly #session: RelaySession;
  readonly #pending: PendingAppends;
  readonly #retryUntil: RetryUntil;
  readonly #availability: Availability;
  readonly #memory: MemoryLimit;
  readonly #services: ThreadServices;
  readonly #threads = new Map<string, RelayThread>();
  readonly #trims = new TrimRound(this.#threads, (thread) => thread.trim());
  #timer: TimerHandle;
  #beatAt = -Infinity;
  #isClosing = false;

  constructor(settings: RelayLogSettings, connect: (listener: RelayListener) => RelaySession) {
    this.#settings = settings;
    const session = connect(this);
    this.#session = session;
    this.#availability = new Availability(settings.clock, () => session.lastError);
    this.#pending = new PendingAppends(settings, undefined, () => session.lastError);
    this.#retryUntil = new RetryUntil(session, settings, (error) => error instanceof RelayRefusal);
    const ask: Ask = (threadId, work) => this.#retryUntil.withinDeadline(threadId, work);
    this.presence = new RelayPresence(session, ask);
    this.answers = new RelayAnswers(session, ask);
    this.values = new RelayValues(session, ask);
    this.#memory = new MemoryLimit(this.#threads, settings.ledger, settings.maxTotalBytes);
    this.#services = {
      session,
      settings,
      memory: this.#memory,
      onUnread: (threadId) => this.presence.announce(threadId, 0),
      onUnused: (thread) => {
        if (this.#threads.get(thread.threadId) === thread) this.#threads.delete(thread.threadId);
      },
    };
    this.#availability.lost();
    this.#tick();
  }

  get heldBytes(): number {
    return this.#settings.ledger.bytes;
  }

  append(draft: EntryDraft): Promise<Appended> {
    const { threadId } = draft;
    const refusal = this.#isClosing ? 'log has been closed' : this.#pending.refusal(draft);
    if (refusal === undefined) return this.#thread(threadId).append(draft, (own) => this.#pending.add(own));
    releaseDraft(draft);
    return Promise.reject(new LogUnavailableError({ threadId, reason: refusal }));
  }

  async readAfter(threadId: string, offset: number, limit: number): Promise<readonly Entry[]> {
    const { head, body } = await this.#ask(threadId, { t: 'readAfter', th: threadId, o: offset, limit });
    return this.#entriesIn(threadId, head, body);
  }

  async readBefore(threadId: string, before: number, limit: number, maxBytes: number): Promise<LogPage> {
    const most = [before, limit, maxBytes].map((each) => (each === Infinity ? null : each));
    const { head, body } = await this.#ask(threadId, { t: 'readBefore', th: threadId, most });
    const { e, p, pid, first, older } = head;
    return {
      position: { epoch: textIn(e), offset: countIn(p), id: textIn(pid) },
      first: countIn(first),
      entries: this.#entriesIn(threadId, head, body),
      hasOlder: older === true,
    };
  }

  async position(threadId: string): Promise<Position> {
    const { head } = await this.#ask(threadId, { t: 'position', th: threadId });
    return { epoch: textIn(head['e']), offset: countIn(head['o']), id: textIn(head['id']) };
  }

  async subscribe(
    threadId: string,
    onEntry: (entry: Entry) => void,
    onNodeMessage: (message: string) => void = () => {},
    onReset: (reset: LogReset) => void = () => {},
  ): Promise<LogSubscription> {
    const thread = this.#thread(threadId);
    const reader: ThreadReader = { onEntry, onNodeMessage, onReset, heldAfter: Infinity };
    try {
      const tail = await this.#retryUntil.withinDeadline(threadId, () => thread.read(reader));
      return thread.subscription(reader, tail, (work) => this.#retryUntil.withinDeadline(threadId, () => work));
    } catch (error) {
      thread.leave(reader);
      throw error;
    }
  }

  notify(threadId: string, message: string): void {
    this.#session.tell({ t: 'note', th: threadId }, [Buffer.from(message)]);
  }

  announce(threadId: string, members: number): void {
    this.presence.announce(threadId, members);
  }

  membersElsewhere(threadId: string): Promise<number> {
    return this.presence.elsewhere(threadId);
  }

  watch(onChange: (error: Error | undefined) => void): void {
    this.#availability.watch(onChange);
  }

  sweep(isTimeUp: () => boolean = () => false): boolean {
    this.#session.tell({ t: 'sweep' });
    return this.#memory.keep(isTimeUp) && this.#trims.run(isTimeUp);
  }

  async erase(threadId: string): Promise<void> {
    await this.#ask(threadId, { t: 'erase', th: threadId });
    await this.#threads.get(threadId)?.tail?.catchUp();
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#settings.clock.clearTimeout(this.#timer);
    this.#availability.close();
    this.#pending.failAll('log has been closed');
    for (const thread of this.#threads.values()) thread.end();
    this.#session.tell({ t: 'farewell' });
    this.#session.close();
    this.#threads.clear();
    // calls in flight release their messages in this turn
    await new Promise((resolve) => void setImmediate(resolve));
  }

  // --- events of the session

  onUp(): void {
    this.#session.tell({ t: 'node', id: this.#settings.nodeId });
    this.#beatAt = this.#settings.clock.now();
    this.presence.reconnected();
    this.values.reconnected();
    for (const thread of this.#threads.values()) thread.reconnected();
    this.#availability.found();
  }

  onDown(): void {
    for (const thread of this.#threads.values()) thread.disconnected();
    this.#availability.lost();
  }

  onNews({ head, body }: RelayFrame): void {
    const { t, th, e, f, l, all } = head;
    const thread = this.#threads.get(textIn(th));
    if (t === 'entry') {
      const arrival = arrivalIn(f, textIn(e), body);
      if (arrival !== undefined) thread?.arrived(arrival);
    } else if (t === 'note') thread?.noted(body.toString());
    else if (t === 'reset') thread?.moved(head['why'] === 'deleted');
    else if (t === 'vals') this.values.news(textIn(th), l, all === true);
  }

  readonly #tick = (): void => {
    const { clock } = this.#settings;
    this.#timer = clock.setTimeout(this.#tick, TICK_MS);
    this.#pending.expire();
    if (clock.now() - this.#beatAt < BEAT_MS) return;
    this.#beatAt = clock.now();
    this.#session.tell({ t: 'alive' });
  };

  #ask(threadId: string, head: object): Promise<RelayFrame> {
    return this.#retryUntil.withinDeadline(threadId, () => this.#session.call(head));
  }

  #entriesIn(threadId: string, head: RelayFrame['head'], body: Buffer): Entry[] {
    const now = this.#settings.clock.now();
    const toEntry = (arrival: Arrival): Entry => {
      const loggedAt = Math.min(now, now - (Number(head['now']) - arrival.at));
      return makeEntry(draftOf(threadId, arrival, loggedAt), arrival.offset, loggedAt, arrival.at);
    };
    return arrivalsIn(head['l'], '', body).map(toEntry);
  }

  #thread(threadId: string): RelayThread {
    let thread = this.#threads.get(threadId);
    if (thread === undefined) this.#threads.set(threadId, (thread = new RelayThread(threadId, this.#services)));
    return thread;
  }
}
