import type { Entry } from '../../../api/entry.ts';
import type { DeliveryLog, LogSubscription } from '../../../api/log.ts';
import { encodeRecord } from './frames.ts';
import { chunksOf, factsOf, type RelayTime } from './stored-entry.ts';

/** Entries and bytes of one answer, at most; the last entry may exceed the bytes. */
const PAGE_ENTRIES = 256;
const PAGE_BYTES = 262_144;

/** A node, as a channel sees it. */
export interface ChannelPeer {
  readonly nodeId: string;
  send(record: Buffer): void;
}

/** An append in progress: its node, and the header of the entry as that node has made it. */
interface Append {
  readonly peer: ChannelPeer;
  readonly header: string;
}

/** What is asked of a thread's entries. */
export interface EntriesQuery {
  readonly epoch: string;
  readonly from: number;
  /** Downwards, the last one. */
  readonly to: number;
  readonly isUpwards: boolean;
  readonly limit: number;
}

/** Entries: their facts, and the bytes of all of them, one after the other. */
interface Page {
  readonly l: readonly object[];
  readonly body: readonly Uint8Array[];
}

/** One thread of the relay's log, and the nodes that hold it: each entry is encoded once for all of them. */
export class Channel {
  readonly threadId: string;
  readonly peers = new Set<ChannelPeer>();
  readonly #log: DeliveryLog;
  readonly #time: RelayTime;
  /** Nodes whose append is in progress, by its id: they get the answer instead. */
  readonly #appending = new Map<string, Append>();
  #subscription: LogSubscription | undefined;
  #opening: Promise<LogSubscription> | undefined;
  #isEnded = false;

  constructor(threadId: string, log: DeliveryLog, time: RelayTime) {
    this.threadId = threadId;
    this.#log = log;
    this.#time = time;
  }

  /** The log's news of the thread arrive. */
  open(): Promise<LogSubscription> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** The thread has no node any more. */
  end(): void {
    this.#isEnded = true;
    this.#subscription?.unsubscribe();
  }

  appending(id: string, append: Append): void {
    this.#appending.set(id, append);
  }

  appended(id: string): void {
    this.#appending.delete(id);
  }

  note(message: string, from?: ChannelPeer): void {
    const record = encodeRecord({ t: 'note', th: this.threadId }, [Buffer.from(message)]);
    for (const peer of this.peers) if (peer !== from) peer.send(record);
  }

  async anchor(known: { readonly epoch: string; readonly offset: number } | undefined): Promise<object> {
    const { tail } = await this.open();
    const { epoch, head, headId } = tail;
    const isKnown = known !== undefined && known.epoch === epoch && known.offset < head;
    const id = isKnown ? tail.at(known.offset)?.id : undefined;
    return { e: epoch, o: head, id: headId, now: this.#time.now(), k: id };
  }

  /** Undefined if the thread has another epoch. */
  async entries(query: EntriesQuery): Promise<Page | undefined> {
    const { epoch, from, to, isUpwards, limit } = query;
    const subscription = await this.open();
    const { tail } = subscription;
    const lowest = isUpwards ? from : to;
    if (lowest < tail.first && tail.epoch === epoch)
      await subscription.reach?.({ epoch, offset: Math.max(0, lowest - 1), id: '' });
    if (tail.epoch !== epoch) return undefined;
    const l: object[] = [];
    const body: Uint8Array[] = [];
    let bytes = 0;
    const step = isUpwards ? 1 : -1;
    const lowestHeld = Math.max(tail.first, isUpwards ? 0 : to);
    let at = isUpwards ? Math.max(from, tail.first) : Math.min(from, tail.head);
    for (; at >= lowestHeld && at <= tail.head; at += step) {
      if (l.length >= Math.min(limit, PAGE_ENTRIES) || bytes >= PAGE_BYTES) break;
      const entry = tail.at(at);
      if (entry === undefined) continue;
      const facts = factsOf(entry, this.#time);
      l.push(facts);
      body.push(...chunksOf(entry));
      bytes += facts.n;
    }
    return { l, body };
  }

  async #open(): Promise<LogSubscription> {
    const subscription = await this.#log.subscribe(
      this.threadId,
      (entry) => this.#onEntry(entry),
      (message) => this.note(message),
      ({ why }) => {
        const record = encodeRecord({ t: 'reset', th: this.threadId, why });
        for (const peer of this.peers) peer.send(record);
      },
    );
    this.#subscription = subscription;
    if (this.#isEnded) subscription.unsubscribe();
    return subscription;
  }

  #onEntry(entry: Entry): void {
    const append = this.#appending.get(entry.id);
    const appender = append?.peer;
    if (this.peers.size === (appender !== undefined && this.peers.has(appender) ? 1 : 0)) return;
    const facts = factsOf(entry, this.#time, append?.header);
    const epoch = this.#subscription?.tail.epoch;
    const record = encodeRecord({ t: 'entry', th: this.threadId, e: epoch, f: facts }, chunksOf(entry));
    for (const peer of this.peers) if (peer !== appender) peer.send(record);
  }
}

export function pageOf(entries: readonly Entry[], time: RelayTime): Page {
  return { l: entries.map((entry) => factsOf(entry, time)), body: entries.flatMap(chunksOf) };
}
