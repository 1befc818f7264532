import { limitsOf } from './list-frames.ts';
import {
  ClientClosedError,
  ConnectionRefusedError,
  MalformedFrameError,
  PublishRefusedError,
  ServerError,
  UnserializableMessageError,
} from './errors.ts';
import { textOf } from './fields.ts';
import { UNAUTHENTICATED } from './close-codes.ts';
import { reportGlobally } from './environment.ts';
import { ServerConnection } from './connection.ts';
import { AckQueue } from './ack-queue.ts';
import { JoinQueue } from './join-queue.ts';
import { Emitter } from './emitter.ts';
import { checkId, checkThreadId, type ClientSettings } from './options.ts';
import { dropExcess, MANY } from './excess.ts';
import { PublishQueue, type PublishHost } from './publish-queue.ts';
import { JoinedThread } from './thread.ts';
import {
  encodeRequest,
  parseFrame,
  type JoinedReply,
  type Request,
  type ServerFrame,
  type ThreadFrame,
} from './frames.ts';
import { checkOptions } from './check-options.ts';
import { ClientInbox } from './inbox.ts';
import type { ThreadId, ThreadShape } from '../api/definition.ts';
import type {
  Client,
  ClientEvents,
  ClientThread,
  JoinOptions,
  Published,
  PublishOptions,
  VolatilePublishOptions,
} from './api.ts';
import type { PublishAnswer } from './frames.ts';
import type { ClientState, ConnectionListener, StateChange } from './connection-states.ts';
import type { Frame } from './socket.ts';
import type { ThreadHost } from './thread-host.ts';

/** The client: its connection receives frames, its threads handle them. */
export class ThreadcastClient
  extends Emitter<ClientEvents>
  implements Client, ThreadHost, PublishHost, ConnectionListener
{
  readonly settings: ClientSettings;
  readonly inbox: ClientInbox;
  isLogUp = true;
  hasHistory = false;
  /** By messages that come in several threads: the thread that has given it. */
  readonly #givers = new Map<string, string>();
  readonly #connection: ServerConnection;
  readonly #publishQueue: PublishQueue;
  readonly joins: JoinQueue;
  readonly acks: AckQueue;
  /** The limits on this connection. */
  #isGreeted = false;
  /** The newest refused join: if the application has joined, a `joined` with its `ref` follows. */
  #refusedRef: number | undefined;
  /** Joins by thread. */
  readonly #threads = new Map<string, readonly JoinedThread[]>();

  constructor(settings: ClientSettings) {
    super(['state', 'log', 'thread', 'signIn', 'error']);
    this.settings = settings;
    this.#connection = new ServerConnection(settings, this);
    this.#publishQueue = new PublishQueue(settings, this);
    const send = (text: string): void => void this.#connection.send(text);
    this.joins = new JoinQueue(send);
    this.acks = new AckQueue(settings.clock, send);
    this.inbox = new ClientInbox(this, settings.inbox.from);
    this.#connection.start();
  }

  get state(): ClientState {
    return this.#connection.state;
  }

  join<T extends ThreadShape>(threadId: ThreadId<T>, options?: JoinOptions): ClientThread<T>;
  join(threadId: string, options?: JoinOptions): ClientThread;
  join(threadId: string, options: JoinOptions = {}): ClientThread {
    this.#assertLive('join', threadId);
    checkOptions<JoinOptions>(options, { from: 'string', onGap: 'function', onProgress: 'function' });
    const { from, onGap, onProgress } = options;
    const [first] = this.joinsOf(threadId);
    let thread = first?.claim(from);
    if (!thread) {
      thread = new JoinedThread(threadId, from, this, 'own');
      this.#threads.set(threadId, [...this.joinsOf(threadId), thread]);
      thread.join();
    }
    if (onGap) thread.on('gap', onGap);
    if (onProgress) thread.on('progress', onProgress);
    return thread;
  }

  publish(threadId: string, data: unknown, options?: PublishOptions): Promise<Published>;
  publish(threadId: string, data: unknown, options: VolatilePublishOptions): Promise<Published | undefined>;
  async publish(
    threadId: string,
    data: unknown,
    options: Partial<VolatilePublishOptions> = {},
  ): Promise<Published | undefined> {
    this.#assertLive('publish', threadId);
    checkOptions<Partial<VolatilePublishOptions>>(options, {
      id: 'string',
      timeoutMs: 1,
      trace: 'string',
      volatile: 'boolean',
    });
    const id = checkId('id', options.id ?? this.settings.newId());
    const head = encodeRequest({ t: 'pub', th: threadId, id, tp: options.trace });
    const text = `${head.slice(0, -1)},"d":${toJson(data)}}`;
    const answer = await this.request(threadId, id, text, options);
    return answer && { id, ...answer };
  }

  close(): void {
    this.#connection.close();
  }

  /** A thread returns what is published in it, so the join goes out first. */
  sendPublish(threadId: string, frame: Frame): boolean {
    for (const thread of this.joinsOf(threadId)) this.joins.urge(thread);
    return this.#connection.send(frame);
  }

  // --- for its threads

  send(request: Request): void {
    this.#connection.send(encodeRequest(request));
  }

  isFirst(id: string, threadId: string, isGiven: boolean): boolean {
    const giver = this.#givers.get(id) ?? threadId;
    if (isGiven) this.#givers.set(id, giver);
    dropExcess(this.#givers, MANY);
    return giver === threadId;
  }

  request(
    threadId: string,
    id: string,
    frame: Frame,
    { timeoutMs = this.settings.publishTimeoutMs, volatile }: Partial<VolatilePublishOptions>,
  ): Promise<PublishAnswer | undefined> {
    return this.#publishQueue.add(threadId, id, frame, timeoutMs, volatile);
  }

  report(error: unknown): void {
    if (!this.emit('error', error)) reportGlobally(error);
  }

  delete(thread: JoinedThread): void {
    this.joins.delete(thread);
    this.inbox.delete(thread);
    const joins = this.joinsOf(thread.id).filter((join) => join !== thread);
    if (joins[0]) this.#threads.set(thread.id, joins);
    else {
      this.acks.delete(thread.id);
      this.#threads.delete(thread.id);
    }
  }

  joinsOf(threadId: string): readonly JoinedThread[] {
    return this.#threads.get(threadId) ?? [];
  }

  // --- events of the connection

  onState(change: StateChange): void {
    const threads = [...this.#threads.values()].flat();
    if (change.to === 'waiting' || change.to === 'closed') {
      this.#isGreeted = false;
      for (const part of [this.#publishQueue, this.joins, this.acks, this.inbox, ...threads]) part.suspend();
    }
    if (change.to === 'closed') {
      const { code = 1000, reason = '' } = change;
      const error = code === 1000 ? undefined : new ConnectionRefusedError({ closeCode: code, reason });
      for (const thread of threads) thread.end(error);
      this.inbox.end(error);
      this.#publishQueue.end(new ClientClosedError({ action: 'publish' }));
    }
    this.emit('state', change);
    if (change.to === 'closed' && change.code === UNAUTHENTICATED) {
      this.emit('signIn', { reason: change.reason ?? '' });
    }
  }

  onData(data: unknown): void {
    const frame = parseFrame(data);
    if (!frame) this.report(new MalformedFrameError({ start: textOf(data)?.slice(0, 100) ?? '' }));
    else if (frame !== 'ignored') this.#onFrame(frame);
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.t === 'log') this.#onLog(frame.isUp);
    else if (frame.t === 'hello') this.#onHello(frame);
    else if (frame.t === 'bye') this.#connection.retryMs = frame.retryMs;
    else if (frame.t === 'renew') this.#connection.renew();
    else if (frame.t === 'ok') this.#publishQueue.settle(frame.th, frame.id, frame.answer);
    else if (frame.t === 'err') this.#onRefusal(frame);
    else this.#onThreadFrame(frame);
  }

  #onHello({ isUp, pingMs, spreadMs, maxBytes, list, history }: ServerFrame & { readonly t: 'hello' }): void {
    this.#onLog(isUp);
    this.hasHistory = !!history;
    this.#connection.greeted(pingMs, spreadMs);
    if (this.#isGreeted) return;
    this.#isGreeted = true;
    const limits = limitsOf(list, maxBytes);
    this.acks.greeted(limits);
    this.joins.greeted(limits);
    this.inbox.greeted(!!list);
    for (const thread of [...this.#threads.values()].flat()) thread.join();
    this.joins.flush();
    this.#publishQueue.greeted(maxBytes);
  }

  #onThreadFrame(frame: ThreadFrame): void {
    if (frame.t === 'joined') this.joins.answered(frame.ref);
    const threads = this.#threads.get(frame.th);
    if (frame.th.startsWith('~')) this.inbox.receive(frame);
    else if (threads) for (const thread of threads) thread.receive(frame);
    // an older one with another `ref` was left meanwhile
    else if (frame.t === 'joined' && (frame.ref ?? this.#refusedRef) === this.#refusedRef) this.#onInvitation(frame);
  }

  /** The application has joined a thread for this client. */
  #onInvitation(frame: JoinedReply): void {
    if (this.#threads.size >= MANY) {
      this.report(new ServerError({ reason: 'TC_TOO_MANY_THREADS', threadId: frame.th }));
      return;
    }
    const thread = new JoinedThread(frame.th, undefined, this, 'invited');
    this.#threads.set(frame.th, [thread]);
    thread.receive({ ...frame, ref: undefined });
    this.emit('thread', thread);
  }

  #onRefusal({ th: threadId, id, code: reason, why: detail, ref, paths }: ServerFrame & { readonly t: 'err' }): void {
    if (threadId && id) {
      this.#publishQueue.settle(threadId, id, new PublishRefusedError({ threadId, id, reason, detail, paths }));
      return;
    }
    this.joins.answered(ref);
    const threads = this.#threads.get(threadId ?? '');
    if (threads) {
      this.#refusedRef = ref;
      for (const thread of threads) thread.fail(reason, ref);
    } else if (!ref) this.report(new ServerError({ reason, threadId }));
    // a question for the inbox names no thread; one for a thread that was left concerns no reader
    else if (!threadId) this.inbox.fail(reason, ref);
  }

  #onLog(isUp: boolean): void {
    if (isUp === this.isLogUp) return;
    this.isLogUp = isUp;
    this.emit('log', { isUp });
  }

  #assertLive(action: string, threadId: string): void {
    checkThreadId(threadId);
    if (this.state === 'closed') throw new ClientClosedError({ action });
  }
}

/** @throws UnserializableMessageError */
export function toJson(data: unknown): string {
  let cause: unknown;
  try {
    const json: string | undefined = JSON.stringify(data);
    if (json && !ArrayBuffer.isView(data)) return json;
  } catch (error) {
    cause = error;
  }
  throw new UnserializableMessageError({ cause });
}
