import type { Entry, EntryDraft, EntryKind } from '../../api/entry.ts';
import type { Appended, LogTail } from '../../api/log.ts';
import { makeEntry, releaseDraft } from '../../infra/log/entry.ts';
import { wallTime } from '../../infra/time/clock.ts';
import { makeBody } from '../../infra/log/shared-body.ts';
import { asError, LogUnsupportedError, ThreadClosedError } from '../../infra/errors.ts';
import { IN_PARTS_ABOVE_BYTES } from '../../infra/wire/part-frames.ts';
import type { OpenSpan } from '../../infra/telemetry/spans.ts';
import { compress, Windows } from './shared-compression.ts';
import type { Encoded } from '../serializer/encoded-message.ts';
import type { ThreadServices } from './thread-services.ts';
import { LaneQueue } from './lane-queue.ts';
import { MAX_NODE_MESSAGE_BYTES, encodeVolatile } from './node-messages.ts';
import { PublicationTally } from '../delivery/publication-tally.ts';
import { fanOutAttributes } from './receipt.ts';
import { guarded } from '../support/emitter.ts';
import type { SendSettings } from './resolve-send-options.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { WindowBits } from '../../api/socket.ts';
import type { Lane, Transaction } from '../../api/message.ts';
import type { ThreadState } from '../../api/thread.ts';

/** A message that waits for its transaction. */
export interface StagedSend {
  readonly committed: Promise<PublicationTally | undefined>;
}

/** The thread whose messages are published. */
export interface PipelineHost {
  readonly id: string;
  readonly state: ThreadState;
  readonly members: ReadonlySet<Subscription>;
  /** Undefined while this process has not opened the thread. */
  readonly tail: LogTail | undefined;
  /** Offers it to all members, with the next fan-out. */
  offer(publication: PublicationTally): void;
}

/**
 * The path of a thread's messages from `send` to the fan-out: serialized, compressed if worthwhile, logged in the order of their lane. It
 * never waits for a connection.
 */
export class PublishPipeline {
  /** The windows that the members' connections have negotiated. */
  readonly windows = new Windows();
  readonly #thread: PipelineHost;
  readonly #services: ThreadServices;
  /** Of each lane, what waits for the serializer; none before the first that has to wait. */
  readonly #lanes: Partial<Record<Lane, LaneQueue<Encoded>>> = {};

  constructor(thread: PipelineHost, services: ThreadServices) {
    this.#thread = thread;
    this.#services = services;
  }

  /** Resolves when the message has been offered to all members. */
  publish(message: unknown, settings: SendSettings, span: OpenSpan): Promise<PublicationTally> {
    const encoded = this.#services.serializer.encode(message, settings.isSnapshot, span.trace);
    const compressed = this.#compressed(encoded, settings.lane);
    const { lane } = settings;
    return compressed instanceof Promise || this.#lanes[lane]?.isIdle === false
      ? this.#laneOf(lane).enqueue(compressed, (ready) => this.#log(ready, settings, span))
      : this.#log(compressed, settings, span);
  }

  /**
   * Inserts the message in a transaction of the application. The tally comes when it has been offered; undefined if it was rolled back.
   * @throws LogUnsupportedError, and what the log throws
   */
  async stage(message: unknown, settings: SendSettings, span: OpenSpan, transaction: Transaction): Promise<StagedSend> {
    const { log } = this.#services.settings;
    if (log.stage === undefined) throw new LogUnsupportedError('stage');
    const encoded = await this.#services.serializer.encode(message, settings.isSnapshot, span.trace);
    const offered = Promise.withResolvers<PublicationTally | undefined>();
    const tally = new PublicationTally(encoded.strategy, this.#thread, offered.resolve);
    const staged = await log.stage(this.#draftOf(encoded, settings, span, tally, 'message'), transaction);
    staged.committed
      .then((appended) => {
        if (appended !== undefined) return this.#offer(tally, appended);
        tally.abandon();
        offered.resolve(undefined);
      })
      .catch((error: unknown) => {
        tally.abandon();
        offered.reject(asError(error));
      });
    return { committed: offered.promise };
  }

  /** As `publish`: the mark that a message has been erased. It comes after what was sent before it. */
  remove(target: string, settings: SendSettings, span: OpenSpan): Promise<PublicationTally> {
    const log = (nothing: Encoded): Promise<PublicationTally> =>
      this.#log(nothing, { ...settings, replaces: target }, span, 'remove');
    const nothing = { body: makeBody([]), strategy: 'ready', slices: 0, longestSliceMs: 0, queueWaitMs: 0 } as const;
    return this.#lanes.normal?.isIdle === false ? this.#lanes.normal.enqueue(nothing, log) : log(nothing);
  }

  /** Takes over an entry of another process. If it is traced, its deliveries here are children of a span of this process. */
  takeOver(entry: Entry): PublicationTally {
    const span = entry.trace === undefined ? undefined : this.#services.telemetry.process(entry, entry.trace);
    entry.trace = span?.trace;
    const tally = new PublicationTally('ready', this.#thread, (over) => span?.end(fanOutAttributes(over)));
    tally.logged({ entry, epoch: this.#thread.tail?.epoch ?? '', isDuplicate: false });
    entry.tally = tally;
    return tally;
  }

  #laneOf(lane: Lane): LaneQueue<Encoded> {
    return (this.#lanes[lane] ??= new LaneQueue());
  }

  /** Compresses if members of the thread understand it and it is worthwhile; otherwise it does not wait. */
  #compressed(encoded: Encoded | Promise<Encoded>, lane: Lane): Encoded | Promise<Encoded> {
    if (this.windows.all.length === 0) return encoded;
    return encoded instanceof Promise
      ? encoded.then((ready) => this.#compress(ready, lane))
      : this.#compress(encoded, lane);
  }

  #compress(encoded: Encoded, lane: Lane): Encoded | Promise<Encoded> {
    const { compression, deflate } = this.#services.settings;
    const { bytes } = encoded.body;
    if (bytes < compression.thresholdBytes) return encoded;
    // messages that overtake or are not logged are sent whole
    const mayBeInParts = lane === 'normal' && bytes > IN_PARTS_ABOVE_BYTES;
    const windows = mayBeInParts ? this.windows.all.filter((window) => this.#takesWhole(window)) : this.windows.all;
    return windows.length === 0 ? encoded : compress(encoded, windows, compression, deflate);
  }

  /** At least one member with this window does not accept big messages in parts; parts are compressed one by one. */
  #takesWhole(window: WindowBits): boolean {
    for (const { parts, subscriber } of this.#thread.members) {
      if (parts === undefined && subscriber.writer.variant.window === window) return true;
    }
    return false;
  }

  /** @throws ThreadClosedError */
  #log(
    encoded: Encoded,
    settings: SendSettings,
    span: OpenSpan,
    kind: EntryKind = settings.replaces === undefined ? 'message' : 'replace',
  ): Promise<PublicationTally> {
    const { id: threadId, state } = this.#thread;
    if (state === 'closed') {
      releaseDraft(encoded);
      throw new ThreadClosedError({ threadId, state, action: 'send' });
    }
    return new Promise((resolve, reject) => {
      const tally = new PublicationTally(encoded.strategy, this.#thread, resolve);
      const draft = this.#draftOf(encoded, settings, span, tally, kind);
      if (settings.lane === 'volatile') {
        const { clock } = this.#services.settings;
        const entry = makeEntry(draft, 0, clock.now(), wallTime(clock));
        this.#tellOthers(entry);
        this.#offer(tally, { entry, isDuplicate: false });
        return;
      }
      try {
        const appended = this.#services.settings.log.append(draft);
        if (!(appended instanceof Promise)) this.#offer(tally, appended);
        else
          appended.then((answer) => this.#offer(tally, answer)).catch((error: unknown) => refuse(tally, reject, error));
      } catch (error) {
        refuse(tally, reject, error);
      }
    });
  }

  #draftOf(
    { body, deflated }: Encoded,
    settings: SendSettings,
    span: OpenSpan,
    tally: PublicationTally,
    kind: EntryKind,
  ): EntryDraft {
    return {
      threadId: this.#thread.id,
      id: settings.id,
      lane: settings.lane,
      body,
      deflated,
      kind,
      target: settings.replaces,
      except: settings.except,
      isShared: settings.isShared,
      key: settings.conflate,
      expiresAt: settings.expiresAt,
      trace: span.trace,
      traceparent: span.trace?.traceparent,
      tally,
    };
  }

  #offer(tally: PublicationTally, { entry, isDuplicate, epoch }: Appended): void {
    const { tail } = this.#thread;
    tally.logged({ entry, epoch: epoch ?? tail?.epoch ?? '', isDuplicate });
    if (isDuplicate) tally.finish(0, 0, tail);
    else this.#thread.offer(tally);
  }

  /** Other processes offer a volatile message to their own members. */
  #tellOthers(entry: Entry): void {
    const { log } = this.#services.settings;
    if (log.notify === undefined || entry.body.bytes > MAX_NODE_MESSAGE_BYTES) return;
    guarded(() => log.notify?.(this.#thread.id, encodeVolatile(entry, this.#services.now())), this.#services.report);
  }
}

/** A log may have told its subscribers before it fails: the entry must not wait for a receipt that never comes. */
function refuse(tally: PublicationTally, reject: (error: Error) => void, error: unknown): void {
  tally.abandon();
  reject(asError(error));
}
