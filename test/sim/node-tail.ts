import type { DeliveryTally, Entry, EntryParts, Frame, FrameClass, MessageTrace } from '../../src/api/entry.ts';
import type { LogTail } from '../../src/api/log.ts';
import type { WindowBits } from '../../src/api/socket.ts';

/**
 * The entries of a log as one node of several has them. Their bytes and frames are those of all nodes here, which saves most of the time. What a hub notes
 * on an entry is its own: only the node that has sent a message counts what becomes of it.
 */
export class NodeEntries {
  /** Of what this node sends. */
  readonly #tallies = new WeakSet<DeliveryTally>();
  readonly #known = new WeakMap<Entry, NodeEntry>();
  /** By thread and id: the version that was asked for last. */
  readonly #newest = new Map<string, NodeEntry>();

  /** The node sends what is counted here. */
  sends(tally: DeliveryTally | undefined): void {
    if (tally !== undefined) this.#tallies.add(tally);
  }

  of(entry: Entry): Entry {
    const known = this.#known.get(entry);
    if (known !== undefined) return known;
    const { threadId, id, offset, tally } = entry;
    const key = `${threadId} ${id}`;
    const former = this.#newest.get(key);
    const mine = new NodeEntry(entry, tally !== undefined && this.#tallies.has(tally) ? tally : undefined);
    // an edit has taken its place
    if (entry.isEdited && former?.offset === offset) {
      mine.tally = former.tally;
      mine.isOffered = former.isOffered;
    }
    this.#known.set(entry, mine);
    this.#newest.set(key, mine);
    return mine;
  }

  tail(tail: LogTail): LogTail {
    return new NodeTail(tail, this);
  }
}

class NodeTail implements LogTail {
  readonly #tail: LogTail;
  readonly #entries: NodeEntries;

  constructor(tail: LogTail, entries: NodeEntries) {
    this.#tail = tail;
    this.#entries = entries;
  }

  get epoch(): string {
    return this.#tail.epoch;
  }

  get first(): number {
    return this.#tail.first;
  }

  get head(): number {
    return this.#tail.head;
  }

  get headId(): string {
    return this.#tail.headId;
  }

  get idBefore(): string {
    return this.#tail.idBefore ?? '';
  }

  at(offset: number): Entry | undefined {
    const entry = this.#tail.at(offset);
    return entry && this.#entries.of(entry);
  }

  byId(id: string): Entry | undefined {
    const entry = this.#tail.byId?.(id);
    return entry && this.#entries.of(entry);
  }

  criticalAfter(offset: number): number | undefined {
    return this.#tail.criticalAfter(offset);
  }

  criticalCountAfter(offset: number): number {
    return this.#tail.criticalCountAfter(offset);
  }
}

class NodeEntry implements Entry {
  readonly #entry: Entry;
  tally: DeliveryTally | undefined;
  trace: MessageTrace | undefined;
  isOffered = false;

  constructor(entry: Entry, tally: DeliveryTally | undefined) {
    this.#entry = entry;
    this.tally = tally;
    this.trace = entry.trace;
  }

  get threadId(): string {
    return this.#entry.threadId;
  }

  get offset(): number {
    return this.#entry.offset;
  }

  get id(): string {
    return this.#entry.id;
  }

  get lane(): Entry['lane'] {
    return this.#entry.lane;
  }

  get body(): Entry['body'] {
    return this.#entry.body;
  }

  get deflated(): Entry['deflated'] {
    return this.#entry.deflated;
  }

  get kind(): Entry['kind'] {
    return this.#entry.kind;
  }

  get target(): string | undefined {
    return this.#entry.target;
  }

  get targetOffset(): number | undefined {
    return this.#entry.targetOffset;
  }

  get isEdited(): boolean {
    return this.#entry.isEdited;
  }

  get isShared(): boolean {
    return this.#entry.isShared;
  }

  get except(): string | undefined {
    return this.#entry.except;
  }

  get key(): string | undefined {
    return this.#entry.key;
  }

  get expiresAt(): number {
    return this.#entry.expiresAt;
  }

  get traceparent(): string | undefined {
    return this.#entry.traceparent;
  }

  get at(): number {
    return this.#entry.at;
  }

  get loggedAt(): number {
    return this.#entry.loggedAt;
  }

  get isSuperseded(): boolean {
    return this.#entry.isSuperseded;
  }

  get heldBytes(): number {
    return this.#entry.heldBytes;
  }

  get isInParts(): boolean {
    return this.#entry.isInParts;
  }

  get parts(): EntryParts {
    return this.#entry.parts;
  }

  get binaryParts(): EntryParts {
    return this.#entry.binaryParts;
  }

  isDeliverable(now: number): boolean {
    return this.#entry.isDeliverable(now);
  }

  frame(frameClass: FrameClass, window?: WindowBits, takesBytes?: boolean): Frame {
    return this.#entry.frame(frameClass, window, takesBytes);
  }

  release(): void {
    throw new Error('a node releases an entry of the log');
  }
}
