import type { StreamServices } from './stream-services.ts';
import { guarded } from '../support/emitter.ts';
import { earlier, ReplicaFeed, type ReplicaPlace } from './replica-feed.ts';
import {
  decodeReplication,
  encodeReplication,
  replicaIn,
  type ContentMessage,
  type ReplicationMessage,
} from './replication-messages.ts';
import type { TextSource } from './flush-timer.ts';
import type { Replica } from './replica.ts';
import { StreamState } from './stream-state.ts';
import type { Canceller } from '../../api/stream.ts';

/** The factor by which other processes wait longer than the publisher's own process, which decides first. */
export const PATIENCE = 1.5;

/** Minimum time between two questions for the same text. */
const ASK_EVERY_MS = 1_000;

/** Number of ids to remember, so that late news of a stream does not begin it again. */
const REMEMBERED = 64;

/** How long the other processes have to send their text of a stream whose publisher is presumed dead. */
const LAST_WORDS_MS = 1_000;

/** The streams of the thread, as this process knows them. */
export interface KnownStreams {
  /** Streams in progress, including those of other processes. */
  readonly byId: Map<string, StreamState>;
  /** The final message of this stream is in the log. */
  isLogged(id: string): boolean;
  onBegun(stream: StreamState): void;
}

/**
 * Replicates the streams of one thread between the processes that hold it. Each process sends the text of its own streams, window by
 * window, and asks for text that it has missed. Node messages may be lost, but arrive in order. The end is an entry of the log, which all
 * processes read.
 */
export class StreamReplication {
  readonly #host: TextSource & { readonly id: string };
  readonly #services: StreamServices;
  readonly #streams: KnownStreams;
  /** Streams that are over, newest last. */
  readonly #past = new Set<string>();
  /** When the other processes were last asked for a stream. */
  readonly #asked = new Map<string, number>();

  constructor(host: TextSource & { readonly id: string }, services: StreamServices, streams: KnownStreams) {
    this.#host = host;
    this.#services = services;
    this.#streams = streams;
  }

  get hasOthers(): boolean {
    return this.#services.settings.log.notify !== undefined;
  }

  /** A stream of this process has begun. */
  announce(stream: StreamState): void {
    if (this.hasOthers) this.#alive(stream, 0);
  }

  /**
   * Sends the text from this position on, and any earlier text that was asked for. Also while the final message is on its way: members here
   * receive this text, and if the message is never logged, a mark of another process must not be shorter. Processes that have the
   * message ignore the text.
   */
  replicate(stream: StreamState, from: number): void {
    if (stream.publisher === undefined || !this.hasOthers) return;
    const { asked } = stream;
    const first = earlier(asked, { at: from, piece: 0 });
    // set first: another process may answer the text with a question at once
    stream.asked = undefined;
    if (first.at < stream.content.told) this.#feedOf(stream).from(first, first === asked);
  }

  /**
   * Whether no process knows more of a stream whose publisher is presumed dead. Asks the others first and gives them time to answer; a live
   * publisher answers as well.
   */
  isOrphaned(stream: StreamState, now: number): boolean {
    if (stream.orphanedAt === undefined) {
      stream.orphanedAt = now;
      const { length, begun } = stream.content;
      this.#send({ k: 'ask', s: stream.id, at: length, n: begun || undefined, lost: true });
    }
    return now - stream.orphanedAt >= LAST_WORDS_MS;
  }

  /** Reports that the publisher is alive, if there was no text to send. */
  keepAlive(stream: StreamState, now: number): void {
    const isOverdue = stream.heardAt > stream.notedAt && now - stream.notedAt >= stream.timeoutMs / 3;
    if (isOverdue && stream.publisher !== undefined) this.#alive(stream, stream.content.told);
  }

  cancel(id: string, by: Canceller): void {
    this.#send({ k: 'cancel', s: id, by });
  }

  /** The stream is over. */
  forget(id: string): void {
    this.#past.add(id);
    if (this.#past.size > REMEMBERED) this.#past.delete([...this.#past][0] ?? id);
  }

  /** True if the message was about streams. */
  onNodeMessage(text: string): boolean {
    const message = decodeReplication(text);
    if (message === undefined) return false;
    if (message.k === 'tok' || message.k === 'part') this.#onContent(message);
    else if (message.k === 'ask') this.#onAsk(message);
    else {
      guarded(
        () => this.#streams.byId.get(message.s)?.publisher?.cancel(message.by),
        (error) => this.#services.report(error),
      );
    }
    return true;
  }

  #onContent(message: ContentMessage): void {
    const { s: id, at, copy, cd } = message;
    if (this.#past.has(id) || this.#streams.isLogged(id)) return;
    const stream = this.#streams.byId.get(id) ?? (at === 0 ? this.#begun(message) : undefined);
    if (stream?.publisher !== undefined) return;
    if (stream === undefined || stream.content.codec !== cd || !stream.content.take(replicaIn(message))) {
      if (cd === undefined || this.#services.codecs.has(cd)) this.#askFor(id, stream);
      return;
    }
    // a copy says nothing about the publisher
    if (copy !== true) {
      stream.heardAt = this.#services.now();
      stream.orphanedAt = undefined;
    } else if (stream.orphanedAt !== undefined && message.k === 'part') stream.orphanedAt = this.#services.now();
    // the content has already waited for its window in the publishing process
    if (stream.content.isPending) this.#host.offerText();
  }

  /** Registers a stream of another process. None if there are already too many, or if its codec is unknown here: clients still get the final message. */
  #begun(message: ContentMessage): StreamState | undefined {
    const { s: id, ms: timeoutMs, cd: name } = message;
    if (this.#streams.byId.size >= this.#services.settings.streams.maxPerThread) return undefined;
    const codec = name === undefined ? undefined : this.#services.codecs.get(name);
    if (name !== undefined && codec === undefined) return undefined;
    const traceparent = message.k === 'tok' ? message.tp : undefined;
    const facts = { id, timeoutMs: PATIENCE * timeoutMs, codec, traceparent };
    const stream = new StreamState(this.#host.id, facts, this.#services.now());
    this.#streams.byId.set(id, stream);
    this.#services.counters.streams++;
    this.#asked.delete(id);
    this.#streams.onBegun(stream);
    this.#host.offerText();
    return stream;
  }

  #askFor(id: string, stream: StreamState | undefined): void {
    const now = this.#services.now();
    if (now - (this.#asked.get(id) ?? -Infinity) < ASK_EVERY_MS) return;
    if (this.#asked.size >= REMEMBERED) this.#asked.clear();
    this.#asked.set(id, now);
    const { length = 0, begun = 0 } = stream?.content ?? {};
    this.#send({ k: 'ask', s: id, at: length, n: begun || undefined });
  }

  /** Answers with the next window, once for all processes that ask until then. */
  #onAsk({ s: id, at, n: piece = 0, lost }: Extract<ReplicationMessage, { k: 'ask' }>): void {
    for (const stream of this.#streams.byId.values()) {
      if (id !== undefined && id !== stream.id) continue;
      if (lost === true) this.#lastWords(stream, { at, piece });
      else if (stream.publisher !== undefined) {
        stream.asked = earlier(stream.asked, { at, piece });
        if (stream.content.told === 0) this.announce(stream);
        else this.#services.ticker.add(this.#host);
      }
    }
  }

  /** Another process presumes the publisher dead and has this much of the text. */
  #lastWords(stream: StreamState, from: ReplicaPlace): void {
    if (from.at < stream.content.told) this.#feedOf(stream).from(from, true);
    else if (stream.publisher !== undefined) this.#alive(stream, stream.content.told);
  }

  #feedOf(stream: StreamState): ReplicaFeed {
    return (stream.feed ??= new ReplicaFeed(stream.content, this.#services.scheduler, (replica) =>
      this.#content(stream, replica),
    ));
  }

  /** Without content: the stream has begun, or its publisher is alive. */
  #alive(stream: StreamState, at: number): void {
    this.#content(stream, { at, to: at, d: stream.content.form.replicaOf([]) });
  }

  #content(stream: StreamState, { at, to, d }: Replica): void {
    stream.notedAt = this.#services.now();
    const copy: true | undefined = stream.publisher === undefined || undefined;
    // a copy's timeout is longer than the publisher's
    const ms = copy === true ? stream.timeoutMs / PATIENCE : stream.timeoutMs;
    const { codec: cd } = stream.content;
    const facts = { s: stream.id, at, ms, copy } as const;
    const tp = at === 0 ? stream.traceparent : undefined;
    if (typeof d === 'string' || !('n' in d)) return this.#send({ k: 'tok', ...facts, d, cd, tp });
    const { text, isTransient, ...piece } = d;
    return this.#send({ k: 'part', ...facts, to, ...piece, d: text, cd: cd ?? '', tr: isTransient || undefined });
  }

  #send(message: ReplicationMessage): void {
    notifyOthers(this.#host.id, message, this.#services);
  }
}

/** This process now holds the thread: asks the others for their streams. */
export function askForStreams(threadId: string, services: StreamServices): void {
  if (services.settings.log.notify !== undefined) notifyOthers(threadId, { k: 'ask', at: 0 }, services);
}

function notifyOthers(threadId: string, message: ReplicationMessage, { settings, report }: StreamServices): void {
  guarded(() => settings.log.notify?.(threadId, encodeReplication(message)), report);
}
