import type { LogTail } from '../../api/log.ts';
import { frameEnd, mustWait, writeFrame, writePieces } from './late-chunks.ts';
import { MissedStreams, NOTHING_KNOWN, type TextPositions } from './missed-streams.ts';
import { PATIENCE } from './stream-replication.ts';
import type { StreamServices } from './stream-services.ts';
import type { StreamState } from './stream-state.ts';
import type { TextReader } from './text-reader.ts';

/** The streams in progress in one thread, as their readers see them: each has a position in each of them. */
export class StreamReaders {
  protected readonly byId = new Map<string, StreamState>();
  /** The newest stream of chunks that has ended: a page that was reloaded at that moment asks for it. */
  protected recent: { readonly stream: StreamState; readonly until: number } | undefined;
  readonly #services: StreamServices;
  readonly #tail: LogTail;
  protected readonly missed = new MissedStreams();

  constructor(services: StreamServices, tail: LogTail) {
    this.#services = services;
    this.#tail = tail;
  }

  /** Writes the text that the subscription has not received, as far as its socket accepts it; true when nothing is left. */
  offer(subscription: TextReader): boolean {
    if (this.owesEnd(subscription) && this.recent && !this.#offer(this.recent.stream, subscription)) return false;
    for (const stream of this.byId.values()) if (!this.#offer(stream, subscription)) return false;
    for (const stream of this.byId.values()) if (!this.#offerLate(stream, subscription)) return false;
    return this.recent === undefined || this.#offerLate(this.recent.stream, subscription);
  }

  /** False if the socket accepts no more. */
  #offer(stream: StreamState, subscription: TextReader): boolean {
    const { content, cursors } = stream;
    if (!subscription.takes(content.codec)) return true;
    let at = cursors.get(subscription) ?? UNANNOUNCED;
    // its client may know more of another process's stream than we do yet
    if (at >= content.told) return true;
    while (at < content.told && !mustWait(stream, subscription, at)) {
      if (!subscription.canWrite) {
        cursors.set(subscription, at);
        return false;
      }
      at = writeFrame(stream, subscription, Math.max(at, 0));
      this.#services.counters.textFrames++;
    }
    cursors.set(subscription, at);
    return true;
  }

  /** Big chunks that others have passed, and what waits for them; false if the socket accepts no more. */
  #offerLate(stream: StreamState, subscription: TextReader): boolean {
    if (!stream.late.has(subscription)) return true;
    return writePieces(stream, subscription) && this.#offer(stream, subscription) && !stream.late.has(subscription);
  }

  /**
   * The last chunks of a stream come before its message, which may not say all of them: an error, or what is transient. Only to members that
   * have followed it until now.
   */
  owesEnd(subscription: TextReader): boolean {
    if (this.recent === undefined) return false;
    const { cursors, content, late } = this.recent.stream;
    const at = cursors.get(subscription);
    if (!subscription.takes(content.codec)) return false;
    return (at !== undefined && at < content.told) || late.has(subscription);
  }

  /** The number of frames that `offer` would write: 0, 1, or 2 for more. */
  framesOwed(subscription: TextReader): 0 | 1 | 2 {
    if (this.owesEnd(subscription)) return 2;
    let isOwed = false;
    for (const stream of this.byId.values()) {
      const { cursors, content, late } = stream;
      if (late.has(subscription)) return 2;
      const at = cursors.get(subscription) ?? 0;
      if (at >= content.told || !subscription.takes(content.codec)) continue;
      if (isOwed || frameEnd(stream, subscription, at) < content.told) return 2;
      isOwed = true;
    }
    return isOwed ? 1 : 0;
  }

  /** Some text has not been written to the subscription yet. */
  owes(subscription: TextReader): boolean {
    if (this.owesEnd(subscription)) return true;
    for (const { cursors, content, late } of this.byId.values()) {
      if (!subscription.takes(content.codec)) continue;
      if (late.has(subscription)) return true;
      if ((cursors.get(subscription) ?? UNANNOUNCED) < content.told) return true;
    }
    return false;
  }

  /** UTF-16 units of text, and chunks, that the subscription has not had. */
  unitsOwed(subscription: TextReader): number {
    let units = 0;
    for (const { cursors, content } of this.byId.values())
      units += Math.max(0, content.told - (cursors.get(subscription) ?? 0));
    return units;
  }

  /** The subscription begins, or begins anew, at the positions that its client reports. Its `joined` announces the streams. */
  place(subscription: TextReader, has: TextPositions = NOTHING_KNOWN): void {
    for (const { id, cursors, content, late } of this.byId.values()) {
      cursors.set(subscription, content.align(has.get(id) ?? 0));
      late.delete(subscription);
    }
    // a stream whose final message is in the log ends with it
    const missed = [...has].filter(([id]) => !this.byId.has(id) && !this.isLogged(id));
    const { maxPerThread, timeoutMs } = this.#services.settings.streams;
    // where no other process can have it, the next sweep tells that it is lost
    const patienceMs = this.#services.settings.log.notify === undefined ? 0 : PATIENCE * timeoutMs;
    const dueAt = this.#services.now() + patienceMs;
    this.missed.set(subscription, { has: new Map(missed.slice(0, maxPerThread)), dueAt });
  }

  /** The subscription has ended; or its client has met a gap, and gets all streams in progress anew. */
  forget(subscription: TextReader): void {
    this.missed.delete(subscription);
    for (const { cursors, late } of [...this.byId.values(), ...(this.recent ? [this.recent.stream] : [])]) {
      cursors.delete(subscription);
      late.delete(subscription);
    }
  }

  protected isLogged(id: string): boolean {
    return this.#tail.byId?.(id) !== undefined;
  }

  /** Another process publishes it, and some clients knew it before we did. */
  protected placeMissed(stream: StreamState): void {
    for (const [subscription, at] of this.missed.positionsIn(stream.id)) stream.cursors.set(subscription, at);
  }
}

/** The position of a subscription whose client has not heard of the stream: before its first text. */
const UNANNOUNCED = -1;
