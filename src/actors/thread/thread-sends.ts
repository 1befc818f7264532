import type { MessageTrace } from '../../api/entry.ts';
import type { LogTail } from '../../api/log.ts';
import type { SendOptions } from '../../api/message.ts';
import type { Receipt } from '../../api/receipt.ts';
import type { ThreadState } from '../../api/thread.ts';
import { InvalidOptionError, ThreadClosedError } from '../../infra/errors.ts';
import { isOwnThreadId } from '../../infra/log/ids.ts';
import type { OpenSpan } from '../../infra/telemetry/spans.ts';
import type { PublicationTally } from '../delivery/publication-tally.ts';
import type { Subscription } from '../delivery/subscription.ts';
import { InFlight } from './in-flight.ts';
import { PublishPipeline, type PipelineHost } from './publish-pipeline.ts';
import { completed } from './receipt.ts';
import { resolveSend } from './resolve-send-options.ts';
import type { ThreadServices } from './thread-services.ts';

/** The thread, while it is open in this process. */
export interface OpenThread {
  readonly state: ThreadState;
  readonly tail: LogTail;
  readonly members: ReadonlySet<Subscription>;
  /** Offers it to all members, with the next fan-out. */
  offer(publication: PublicationTally): void;
  /** @throws StreamExistsError if a token stream has this id */
  assertFree(id: string): void;
  /** A send begins. */
  sending(message: MessageTrace | undefined): void;
  /** A send is over. */
  sent(): void;
}

/**
 * The sends of this process to one thread, in order, whether the thread is open here or not. Without members here, a message only has to be
 * appended: opening would cost a subscription, a tail and a machine. A thread that is opened takes over the sends in progress.
 */
export class ThreadSends implements PipelineHost {
  readonly id: string;
  readonly publishing: PublishPipeline;
  readonly #services: ThreadServices;
  readonly #inFlight = new InFlight();
  readonly #onIdle: (sends: ThreadSends) => void;
  #thread: OpenThread | undefined;
  #ending: 'draining' | 'closed' | undefined;

  /** @param onIdle no send is in progress any more */
  constructor(id: string, services: ThreadServices, onIdle: (sends: ThreadSends) => void) {
    this.id = id;
    this.#services = services;
    this.#onIdle = onIdle;
    this.publishing = new PublishPipeline(this, services);
  }

  /** The thread is open from now on. */
  attach(thread: OpenThread): void {
    this.#thread = thread;
    if (this.isBusy) thread.sending(undefined);
  }

  get isBusy(): boolean {
    return this.#inFlight.count > 0;
  }

  /** Serializes, logs and offers a message. Never waits for a connection. */
  send(message: unknown, options: SendOptions = {}): Promise<Receipt> {
    return this.#publish(options, message, undefined);
  }

  /** As `send`, of a message that other threads get under the same id. */
  sendShared(message: unknown, options: SendOptions): Promise<Receipt> {
    return this.#publish(options, message, undefined, true);
  }

  /** Logs that a message is erased, and offers that. */
  remove(messageId: string): Promise<Receipt> {
    return this.#publish({}, undefined, messageId);
  }

  /** @param removed the message that is erased, instead of a new one */
  async #publish(
    options: SendOptions,
    message: unknown,
    removed: string | undefined,
    isShared = false,
  ): Promise<Receipt> {
    let span: OpenSpan | undefined;
    try {
      const settings = resolveSend(options, this.#services, isShared);
      const { lane, parent, link, audience, except } = settings;
      if (audience !== undefined && isOwnThreadId(this.id))
        throw new InvalidOptionError({ option: 'audience', value: audience, expected: 'a thread that users join' });
      span = this.#services.telemetry.publish({ threadId: this.id, lane, parent, link });
      this.begin(span.trace);
      this.assertOpen('send', settings.id);
      const publishing =
        removed === undefined
          ? this.publishing.publish(message, settings, span)
          : this.publishing.remove(removed, settings, span);
      const receipt = completed(await publishing, span, this.#services);
      if (audience !== undefined)
        this.#services.users.delivered({ threadId: this.id, id: receipt.id, audience, except });
      return receipt;
    } catch (error) {
      if (span !== undefined) this.#services.counters.sendsFailed++;
      span?.end({}, error);
      throw error;
    } finally {
      if (span !== undefined) this.end();
      else if (!this.isBusy) this.#onIdle(this);
    }
  }

  /**
   * @param id of the message
   * @throws ThreadClosedError, StreamExistsError
   */
  assertOpen(action: string, id: string): void {
    const { state } = this;
    if (state !== 'idle' && state !== 'live') throw new ThreadClosedError({ threadId: this.id, state, action });
    this.#thread?.assertFree(id);
  }

  /** A send begins. */
  begin(message: MessageTrace | undefined): void {
    this.#inFlight.begin();
    this.#thread?.sending(message);
  }

  /** A send is over. */
  end(): void {
    this.#inFlight.end();
    this.#thread?.sent();
    if (!this.isBusy) this.#onIdle(this);
  }

  /** Resolves when few enough sends are in progress and the serializer has room, or accepts nothing any more. */
  async ready(): Promise<void> {
    const { settings, serializer } = this.#services;
    do {
      while (this.#inFlight.count >= settings.readyLimit) await this.#inFlight.next();
      await serializer.whenFree();
    } while (this.#inFlight.count >= settings.readyLimit);
  }

  /** Accepts no more sends; resolves when none is in progress. */
  async drain(): Promise<void> {
    this.#ending ??= 'draining';
    while (this.isBusy) await this.#inFlight.next();
  }

  /** Refuses what is not in the log yet. */
  close(): void {
    this.#ending = 'closed';
  }

  // --- PipelineHost

  get state(): ThreadState {
    return this.#thread?.state ?? this.#ending ?? 'idle';
  }

  get tail(): LogTail | undefined {
    return this.#thread?.tail;
  }

  get members(): ReadonlySet<Subscription> {
    return this.#thread?.members ?? NONE;
  }

  offer(publication: PublicationTally): void {
    if (this.#thread === undefined) publication.finish(0, 0, undefined);
    else this.#thread.offer(publication);
  }
}

const NONE: ReadonlySet<Subscription> = new Set();
