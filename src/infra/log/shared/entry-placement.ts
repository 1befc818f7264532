import { makeEntry } from '../entry.ts';
import { LogUnavailableError } from '../../errors.ts';
import type { LogBuffer } from '../log-buffer.ts';
import type { PendingAppend } from './pending-appends.ts';
import type { Arrival } from './arrival.ts';
import { draftOf } from './draft-of.ts';
import type { TailHost } from './tail-host.ts';

/** A new entry of the log, possibly one of this process's appends. */
export interface Place {
  readonly arrival: Arrival;
  /** The append that was answered with this place. */
  readonly own: PendingAppend | undefined;
}

/**
 * An entry that is farther ahead of the log's clock, as far as this process knows it, has a forged time, in milliseconds. Where the log's clock was
 * put forward, its entries look so as well, until the next comparison: that costs a question at most.
 */
const MAX_AHEAD_MS = 5_000;

/** What is in flight has the content of the entry, as far as that is known. */
function isSame(inFlight: PendingAppend | undefined, { body }: Arrival): boolean {
  if (inFlight === undefined || inFlight.isSettled || body === undefined) return true;
  const [only = EMPTY, ...others] = inFlight.draft.body.chunks;
  const bytes = others.length === 0 ? only : Buffer.concat([only, ...others]);
  const [logged = EMPTY, ...rest] = body;
  return (rest.length === 0 ? logged : Buffer.concat(body)).equals(bytes);
}

const EMPTY = Buffer.alloc(0);

/** Puts new entries in their place in a tail, each once, and answers this process's appends. */
export class Placing {
  readonly #buffer: LogBuffer;
  readonly #host: TailHost;
  /** How far the log's time is ahead of this process's clock, in milliseconds. */
  #skewMs = 0;
  /** The log's time of the newest entry here, or of the last comparison: a later entry at an offset below is of another history. */
  #newestAt = -Infinity;
  /** The oldest offset that the log has given twice, since the last comparison. */
  parted = Infinity;

  constructor(buffer: LogBuffer, host: TailHost) {
    this.#buffer = buffer;
    this.#host = host;
  }

  /** The log has said where the thread stands, at this time of its clock. */
  compared(skewMs: number, at: number): void {
    this.#skewMs = skewMs;
    this.#newestAt = at;
  }

  /** True if the log has given this offset twice: the entry is newer than the end of the tail, and below it. */
  isOfAnotherHistory({ epoch, offset, at }: Arrival): boolean {
    const buffer = this.#buffer;
    if (offset > buffer.head || epoch !== buffer.epoch || !(at > this.#newestAt) || buffer.at(offset) !== undefined)
      return false;
    this.parted = Math.min(this.parted, offset);
    return true;
  }

  /** True if the entry has its place, or needs none. */
  put(place: Place): boolean {
    const buffer = this.#buffer;
    const { arrival, own } = place;
    const { epoch, offset, id } = arrival;
    if (epoch !== buffer.epoch) return false;
    if (offset > buffer.head + 1) return false;
    if (offset === buffer.head + 1) return this.append(place);
    const known = buffer.at(offset);
    if (known === undefined) {
      if (offset === buffer.head && buffer.headId !== id) return false;
      // trimmed, or never read because it had no reader
      if (own !== undefined) this.settleUnread(own, arrival);
      return true;
    }
    if (known.id !== id) return false;
    own?.settle({ entry: known, isDuplicate: false, epoch });
    return true;
  }

  /** Appends the entry at the end; false if its body is still to be read. */
  append({ arrival, own: answered }: Place): boolean {
    const buffer = this.#buffer;
    const { settings, threadId } = this.#host;
    const now = settings.clock.now();
    if (arrival.at > this.#newestAt && arrival.at <= now + this.#skewMs + MAX_AHEAD_MS) this.#newestAt = arrival.at;
    const inFlight = this.#host.ownAppend(arrival.id);
    // an earlier send with this id may have been logged after all: what it says counts
    const isOurs = answered !== undefined || (arrival.header.by === settings.nodeId && isSame(inFlight, arrival));
    const own = answered ?? inFlight;
    if (isOurs && own !== undefined && !own.isSettled) {
      const entry = buffer.append(own.takeDraft(), now, now, arrival.at);
      this.#host.onEntry(entry);
      own.settle({ entry, isDuplicate: false, epoch: buffer.epoch });
      return true;
    }
    if (arrival.body === undefined) return false;
    const loggedAt = this.loggedAt(arrival);
    const entry = buffer.append(draftOf(threadId, arrival, loggedAt), now, loggedAt);
    this.#host.onEntry(entry);
    // another process was first with this id
    inFlight?.settle({ entry, isDuplicate: true, epoch: buffer.epoch });
    return true;
  }

  /** The append is in the log, but not held here. */
  settleUnread(own: PendingAppend, { epoch, offset, at }: Pick<Arrival, 'epoch' | 'offset' | 'at'>): void {
    const entry = makeEntry(own.draft, offset, this.#host.settings.clock.now(), at);
    own.settle({ entry, isDuplicate: false, epoch });
  }

  /** The log had answered it, and has another history now. */
  failLost(own: PendingAppend): void {
    own.fail(
      new LogUnavailableError({
        threadId: this.#host.threadId,
        reason: `${this.#host.settings.keeper} has lost the message again`,
      }),
    );
  }

  /** On this process's clock. */
  loggedAt({ at }: Arrival): number {
    const now = this.#host.settings.clock.now();
    // a malformed entry has no time, and ages from now on
    return Number.isFinite(at) ? Math.min(now, at - this.#skewMs) : now;
  }
}
