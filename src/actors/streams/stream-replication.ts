import type { StreamServices } from './stream-services.ts';
import { guarded } from '../support/emitter.ts';
import { decodeReplication, encodeReplication, type ReplicationMessage } from './replication-messages.ts';
import type { TextSource } from './flush-timer.ts';
import { StreamState } from './stream-state.ts';
import type { Canceller } from '../../api/stream.ts';

/** How much longer than the publisher's own process others wait for news of a stream: its verdict comes first. */
export const PATIENCE = 1.5;

/** Text of one note at most, in UTF-16 units. */
const MAX_NOTE_UNITS = 64 * 1024;

/** Between two questions for the same text. */
const ASK_EVERY_MS = 1_000;

/** Ids that are remembered, so that late news of a stream does not begin it again. */
const REMEMBERED = 64;

/** How long the other processes may take to tell what they have of a stream whose publisher is taken for dead. */
const LAST_WORDS_MS = 1_000;

/** The streams of the thread, as this process knows them. */
export interface KnownStreams {
  /** Those under way, to which those of other processes are added. */
  readonly byId: Map<string, StreamState>;
  /** The final message of this one is in the log. */
  isLogged(id: string): boolean;
  onBegun(stream: StreamState): void;
}

/**
 * The streams of one thread between the processes that hold it: each tells the text of those that it publishes, window by window, and
 * asks for what it has missed. Notes may be lost, but come in order; the end is an entry of the log, which all have.
 */
export class StreamReplication {
  readonly #host: TextSource & { readonly id: string };
  readonly #services: StreamServices;
  readonly #streams: KnownStreams;
  /** Over, the newest last. */
  readonly #past = new Set<string>();
  /** When the other processes were asked for a stream. */
  readonly #asked = new Map<string, number>();

  constructor(host: TextSource & { readonly id: string }, services: StreamServices, streams: KnownStreams) {
    this.#host = host;
    this.#services = services;
    this.#streams = streams;
  }

  get hasOthers(): boolean {
    return this.#services.settings.log.notify !== undefined;
  }

  /** Whoever publishes streams in the thread tells them. */
  ask(): void {
    this.#send({ k: 'ask', at: 0 });
  }

  /** Tells what is new from there on, and what was asked for. */
  replicate(stream: StreamState, from: number): void {
    const { publisher, text } = stream;
    const first = Math.min(stream.askedFrom, from);
    // what is told after its end would begin it anew; where logging that fails, it is told then
    const isTold = publisher !== undefined && this.hasOthers && !stream.isEnding;
    // before: what is told may be answered with a question at once
    stream.askedFrom = isTold ? text.told : first;
    if (isTold) this.#textFrom(stream, first);
  }

  /**
   * Whether nobody knows more of a stream whose publisher is taken for dead, or not in time: the others are asked first. A publisher that
   * lives answers as well.
   */
  isOrphaned(stream: StreamState, now: number): boolean {
    if (stream.orphanedAt === undefined) {
      stream.orphanedAt = now;
      this.#send({ k: 'ask', s: stream.id, at: stream.text.length, lost: true });
    }
    return now - stream.orphanedAt >= LAST_WORDS_MS;
  }

  /** Tells that the publisher lives, where there was nothing else to tell. */
  keepAlive(stream: StreamState, now: number): void {
    const isOverdue = stream.heardAt > stream.notedAt && now - stream.notedAt >= stream.timeoutMs / 3;
    if (isOverdue && stream.publisher !== undefined) this.#text(stream, stream.text.told, '');
  }

  cancel(id: string, by: Canceller): void {
    this.#send({ k: 'cancel', s: id, by });
  }

  /** The stream is over. */
  forget(id: string): void {
    this.#past.add(id);
    if (this.#past.size > REMEMBERED) this.#past.delete([...this.#past][0] ?? id);
  }

  /** True where the note was about streams. */
  onNodeMessage(text: string): boolean {
    const message = decodeReplication(text);
    if (message === undefined) return false;
    if (message.k === 'tok') this.#onText(message);
    else if (message.k === 'ask') this.#onAsk(message);
    else {
      guarded(
        () => this.#streams.byId.get(message.s)?.publisher?.cancel(message.by),
        (error) => this.#services.report(error),
      );
    }
    return true;
  }

  #onText({ s: id, at, d, ms, copy }: Extract<ReplicationMessage, { k: 'tok' }>): void {
    if (this.#past.has(id) || this.#streams.isLogged(id)) return;
    const stream = this.#streams.byId.get(id) ?? (at === 0 ? this.#begun(id, ms) : undefined);
    if (stream?.publisher !== undefined) return;
    const known = stream?.text.length ?? 0;
    if (stream === undefined || at > known) {
      this.#askFor(id, known);
      return;
    }
    // a copy says nothing of the publisher
    if (copy !== true) {
      stream.heardAt = this.#services.now();
      stream.orphanedAt = undefined;
    }
    stream.text.append(d.slice(known - at));
    // its window has been kept where it comes from
    if (stream.text.isPending) this.#host.offerText();
  }

  /** A stream of another process; none where there are too many already: its final message will come nevertheless. */
  #begun(id: string, timeoutMs: number): StreamState | undefined {
    if (this.#streams.byId.size >= this.#services.settings.streams.maxPerThread) return undefined;
    const stream = new StreamState(this.#host.id, { id, timeoutMs: PATIENCE * timeoutMs }, this.#services.now());
    this.#streams.byId.set(id, stream);
    this.#asked.delete(id);
    this.#streams.onBegun(stream);
    return stream;
  }

  #askFor(id: string, at: number): void {
    const now = this.#services.now();
    if (now - (this.#asked.get(id) ?? -Infinity) < ASK_EVERY_MS) return;
    if (this.#asked.size >= REMEMBERED) this.#asked.clear();
    this.#asked.set(id, now);
    this.#send({ k: 'ask', s: id, at });
  }

  /** Answered with the next window, to all that ask until then together. */
  #onAsk({ s: id, at, lost }: Extract<ReplicationMessage, { k: 'ask' }>): void {
    for (const stream of this.#streams.byId.values()) {
      if (id !== undefined && id !== stream.id) continue;
      if (lost === true) this.#lastWords(stream, at);
      else if (stream.publisher !== undefined) {
        stream.askedFrom = Math.min(stream.askedFrom, at);
        this.#services.ticker.add(this.#host);
      }
    }
  }

  /** Another process takes the publisher for dead, and has this much of the text. */
  #lastWords(stream: StreamState, at: number): void {
    if (at < stream.text.told) this.#textFrom(stream, at);
    else if (stream.publisher !== undefined && !stream.isEnding) this.#text(stream, stream.text.told, '');
  }

  #textFrom(stream: StreamState, from: number): void {
    for (let at = from; at < stream.text.told;) {
      const piece = stream.text.slice(at, MAX_NOTE_UNITS);
      this.#text(stream, at, piece);
      at += piece.length;
    }
  }

  #text(stream: StreamState, at: number, d: string): void {
    stream.notedAt = this.#services.now();
    const copy = stream.publisher === undefined ? true : undefined;
    // a copy's time is longer than the publisher's
    const ms = copy === true ? stream.timeoutMs / PATIENCE : stream.timeoutMs;
    this.#send({ k: 'tok', s: stream.id, at, d, ms, copy });
  }

  #send(message: ReplicationMessage): void {
    const { settings, report } = this.#services;
    guarded(() => settings.log.notify?.(this.#host.id, encodeReplication(message)), report);
  }
}
