import type { LogTail } from '../../api/log.ts';
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
    if (this.#owesEnd(subscription) && this.recent && !this.#offer(this.recent.stream, subscription)) return false;
    for (const stream of this.byId.values()) if (!this.#offer(stream, subscription)) return false;
    return true;
  }

  #offer({ content, cursors }: StreamState, subscription: TextReader): boolean {
    if (!subscription.takes(content.codec)) return true;
    let at = cursors.get(subscription) ?? UNANNOUNCED;
    // its client may know more of another process's stream than we do yet
    if (at >= content.told) return true;
    while (at < content.told) {
      if (!subscription.canWrite) break;
      const { bytes, to } = content.frame(Math.max(at, 0));
      subscription.writeText(bytes);
      this.#services.counters.textFrames++;
      at = to;
    }
    cursors.set(subscription, at);
    return at >= content.told;
  }

  /**
   * The last chunks of a stream come before its message, which may not say all of them: an error, or what is transient. Only to members that
   * have followed it until now.
   */
  #owesEnd(subscription: TextReader): boolean {
    if (this.recent === undefined) return false;
    const { cursors, content } = this.recent.stream;
    const at = cursors.get(subscription);
    return at !== undefined && at < content.told;
  }

  /** The number of frames that `offer` would write: 0, 1, or 2 for more. */
  framesOwed(subscription: TextReader): 0 | 1 | 2 {
    if (this.#owesEnd(subscription)) return 2;
    let isOwed = false;
    for (const { cursors, content } of this.byId.values()) {
      const at = cursors.get(subscription) ?? 0;
      if (at >= content.told || !subscription.takes(content.codec)) continue;
      if (isOwed || content.frame(at).to < content.told) return 2;
      isOwed = true;
    }
    return isOwed ? 1 : 0;
  }

  /** Some text has not been written to the subscription yet. */
  owes(subscription: TextReader): boolean {
    if (this.#owesEnd(subscription)) return true;
    for (const { cursors, content } of this.byId.values()) {
      if (!subscription.takes(content.codec)) continue;
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
    for (const { id, cursors, content } of this.byId.values())
      cursors.set(subscription, content.align(has.get(id) ?? 0));
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
    this.recent?.stream.cursors.delete(subscription);
    for (const { cursors } of this.byId.values()) cursors.delete(subscription);
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
