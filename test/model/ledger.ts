import type { Appended, EntryDraft, Receipt } from '../../src/index.ts';
import { ModelLog, type ModelRetention } from './model-log.ts';
import { expectJoin, type ExpectedJoin } from './subscription-model.ts';
import { FRAGMENT_BYTES } from '../../src/infra/wire/frames.ts';
import { readPosition, type Message } from './wire.ts';

/** One message that was sent under an id of its own. */
export interface Sent {
  readonly thread: string;
  readonly id: string;
  readonly number: number;
  readonly lane: string;
  /** Whoever is behind needs it: it has no conflation key and does not expire. */
  readonly isPlain: boolean;
  /** Members in the turn of the send, where the fan-out is known to be one go at the end of that turn. */
  recipients: number | undefined;
  receipt: Receipt | undefined;
}

/** What was sent, logged and written in one world, and what of it contradicts the model. */
export class Ledger {
  readonly violations: string[] = [];
  /** How often something worth testing has happened. */
  readonly seen = new Map<string, number>();
  readonly bodies: { readonly isAlive: boolean }[] = [];
  readonly sent: Sent[] = [];
  readonly #now: () => number;
  readonly #retention: ModelRetention;
  readonly #isTicking: boolean;
  readonly #logs = new Map<string, ModelLog>();
  /** By thread, the epoch that it is in. */
  readonly #epochs = new Map<string, string>();
  readonly #byId = new Map<string, Sent>();
  /** Ids that were delivered locally. */
  readonly #local = new Set<string>();
  readonly #writes = new Map<string, number>();
  readonly #lastOfLane = new Map<string, number>();

  constructor(now: () => number, retention: ModelRetention, isTicking: boolean) {
    this.#now = now;
    this.#retention = retention;
    this.#isTicking = isTicking;
  }

  complain(what: string): void {
    this.violations.push(`at ${this.#now()}: ${what}`);
  }

  note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  logOf(epoch: string): ModelLog {
    let log = this.#logs.get(epoch);
    if (log === undefined) this.#logs.set(epoch, (log = new ModelLog(epoch, this.#retention)));
    return log;
  }

  current(thread: string): ModelLog | undefined {
    const epoch = this.#epochs.get(thread);
    return epoch === undefined ? undefined : this.logOf(epoch);
  }

  expectJoin(thread: string, from: string | undefined): ExpectedJoin {
    return expectJoin(this.current(thread), from);
  }

  written(id: string): number {
    return this.#writes.get(id) ?? 0;
  }

  // --- what happens

  onSend(sent: Sent): void {
    this.sent.push(sent);
    this.#byId.set(sent.id, sent);
  }

  onLocal({ id, body, deflated }: EntryDraft): void {
    this.note('local');
    this.#local.add(id);
    this.bodies.push(body, ...(deflated?.values() ?? []));
  }

  onEpoch(thread: string, epoch: string): void {
    if (this.#epochs.get(thread) === epoch) return;
    if (this.#logs.has(epoch)) this.complain(`epoch ${epoch} comes again`);
    this.#epochs.set(thread, epoch);
    this.logOf(epoch);
  }

  onAppend(draft: EntryDraft, { entry, isDuplicate }: Appended, epoch: string): void {
    this.onEpoch(draft.threadId, epoch);
    this.bodies.push(draft.body, ...(draft.deflated?.values() ?? []));
    const log = this.logOf(epoch);
    const known = log.kept(draft.id);
    if (!this.#isTicking && (known !== undefined) !== isDuplicate)
      this.complain(`${draft.id} duplicate: ${isDuplicate}`);
    if (isDuplicate) {
      this.note('duplicate');
      if (log.at(entry.offset)?.id !== draft.id) this.complain(`${draft.id} is no duplicate of ${entry.offset}`);
      return;
    }
    const { offset } = log.append(draft, this.#now());
    if (offset !== entry.offset) this.complain(`${draft.id} at ${entry.offset}, not ${offset}`);
    this.#checkOrder(draft);
  }

  onHold(thread: string, offset: number): void {
    const log = this.current(thread);
    if (log !== undefined) log.heldAfter = offset;
  }

  onSweep(): void {
    for (const log of this.#logs.values()) log.trim(this.#now());
  }

  /** To its end. */
  onWhole({ id }: Message, isCounted: boolean): void {
    if (isCounted) this.#writes.set(id, this.written(id) + 1);
  }

  onWritten({ o, id }: Message): void {
    if (o === 0 && this.#byId.get(id)?.lane !== 'volatile' && !this.#local.has(id))
      this.complain(`${id} is not volatile`);
  }

  /** @param isExact the model knows who counts as a recipient */
  onReceipt(sent: Sent, receipt: Receipt, isExact: boolean): void {
    sent.receipt = receipt;
    this.note('receipt');
    if (receipt.behind > 0) this.note('behind');
    if (receipt.dropped > 0) this.note('dropped');
    const { recipients, written, behind, dropped, position, id, bytes, isDuplicate } = receipt;
    const complain = (what: string): void =>
      this.complain(
        `receipt of ${id}: ${what}, of ${recipients} written ${written} behind ${behind} dropped ${dropped}`,
      );
    if (recipients !== written + behind + dropped || Math.min(written, behind, dropped) < 0)
      complain('does not add up');
    if (sent.recipients !== undefined && sent.recipients !== recipients) complain(`of ${sent.recipients} members`);
    if (isExact && written > this.written(id)) complain(`but ${this.written(id)} were written`);
    if (id !== sent.id || isDuplicate) complain(`is not that of ${sent.id}`);
    if (sent.lane === 'volatile' || this.#local.has(id)) {
      // a big one may have been begun
      if (position !== undefined || (behind > 0 && bytes <= FRAGMENT_BYTES)) complain(`volatile at ${position ?? ''}`);
      return;
    }
    const { epoch, offset } = readPosition(position ?? '');
    const log = this.logOf(epoch);
    const entry = log.at(offset);
    if (entry?.id !== id || entry.bytes !== bytes) complain(`at ${position ?? ''} of ${bytes} bytes`);
    if (sent.isPlain && dropped > 0 && offset >= log.first) complain('dropped for no reason');
  }

  /** @param turn runs the turns that come: what is followed is looked at in them */
  async settleReceipts(isExact: boolean, turn: () => Promise<void>): Promise<void> {
    for (const { id, receipt } of this.sent) {
      if (receipt === undefined) continue;
      let isSettled = false;
      const settled = receipt.settled().finally(() => {
        isSettled = true;
      });
      await turn();
      // every peer has taken everything, so there is nothing to wait for
      if (!isSettled) throw new Error(`settled ${id}: waits for an outcome that cannot change`);
      const { written, acked, behind, dropped, evicted } = await settled;
      const sum = `settled ${id}: of ${receipt.recipients} written ${written} acked ${acked} behind ${behind} dropped ${dropped} evicted ${evicted}`;
      if (written + acked + behind + dropped + evicted !== receipt.recipients) this.complain(sum);
      if (behind > 0) this.complain(`${sum}, nobody is behind`);
      if (isExact && written + acked !== this.written(id))
        this.complain(`${sum}, but ${this.written(id)} were written`);
    }
  }

  /** Within a lane of a thread, messages are logged in the order in which they were sent. */
  #checkOrder({ id, threadId, lane }: EntryDraft): void {
    const number = this.#byId.get(id)?.number;
    if (number === undefined) return;
    const queue = `${threadId} ${lane}`;
    if (number < (this.#lastOfLane.get(queue) ?? 0)) this.complain(`${id} was overtaken in its lane`);
    this.#lastOfLane.set(queue, number);
  }
}
