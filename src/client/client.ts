import type { Client, ClientEvents, ClientThread, JoinOptions, Published, PublishOptions } from './api.ts';
import { checkOptions } from './check-options.ts';
import { Connection, type ConnectionListener } from './connection.ts';
import { reportGlobally } from './environment.ts';
import {
  ClientClosedError,
  ConnectionRefusedError,
  MalformedFrameError,
  PublishRefusedError,
  PublishTimeoutError,
  ServerError,
  UnserializableMessageError,
} from './errors.ts';
import { parseFrame, requests, type ServerFrame } from './frames.ts';
import { Emitter } from './emitter.ts';
import { checkId, checkNumber, checkThreadId, type ClientSettings } from './options.ts';
import { PublishQueue } from './publish-queue.ts';
import type { ClientState, StateChange } from './states.ts';
import { JoinedThread, type ThreadHost } from './thread.ts';

/** A client at work: its connection brings frames, its threads take them. */
export class ThreadcastClient implements Client, ThreadHost, ConnectionListener {
  readonly settings: ClientSettings;
  isLogUp = true;
  readonly #connection: Connection;
  readonly #outgoing: PublishQueue;
  readonly #threads = new Map<string, JoinedThread>();
  readonly #listeners = new Emitter<ClientEvents>((error) => this.report(error));

  constructor(settings: ClientSettings) {
    this.settings = settings;
    this.#connection = new Connection(settings, this);
    this.#outgoing = new PublishQueue(settings, this);
    this.#connection.start();
  }

  get state(): ClientState {
    return this.#connection.state;
  }

  on<E extends keyof ClientEvents>(event: E, listener: (news: ClientEvents[E]) => void): () => void {
    return this.#listeners.on(event, listener);
  }

  join(threadId: string, options: JoinOptions = {}): ClientThread {
    this.#assertLive('join', threadId);
    checkOptions<JoinOptions>(options, { from: 'string', onGap: 'function', onProgress: 'function' });
    const known = this.#threads.get(threadId);
    if (known !== undefined) return known;
    const thread = new JoinedThread(threadId, options, this);
    this.#threads.set(threadId, thread);
    thread.join();
    return thread;
  }

  async publish(threadId: string, data: unknown, options: PublishOptions = {}): Promise<Published> {
    this.#assertLive('publish', threadId);
    checkOptions<PublishOptions>(options, { id: 'string', timeoutMs: 'number', trace: 'string' });
    const id = checkId('id', options.id ?? this.settings.newId());
    const timeoutMs = checkNumber('timeoutMs', options.timeoutMs, this.settings.publishTimeoutMs);
    const text = requests.publish(threadId, id, toJson(data), options.trace);
    const late = (): Error => new PublishTimeoutError({ threadId, id, timeoutMs });
    return { id, ...(await this.#outgoing.offer(`${threadId} ${id}`, text, timeoutMs, late)) };
  }

  close(): void {
    this.#connection.close();
  }

  // --- for its threads

  send(text: string): boolean {
    return this.#connection.send(text);
  }

  report(error: unknown): void {
    if (!this.#listeners.emit('error', error)) reportGlobally(error);
  }

  forget(thread: JoinedThread): void {
    if (this.#threads.get(thread.id) === thread) this.#threads.delete(thread.id);
  }

  // --- news of the connection

  onState(change: StateChange): void {
    const threads = [...this.#threads.values()];
    if (change.to === 'open') {
      for (const thread of threads) thread.join();
    } else if (change.to === 'waiting') {
      this.#outgoing.suspend();
      for (const thread of threads) thread.suspend();
    } else if (change.to === 'closed') {
      const { code = 1000, reason = '' } = change;
      const error = code === 1000 ? undefined : new ConnectionRefusedError(code, reason);
      for (const thread of threads) thread.end(error);
      this.#outgoing.abandon(new ClientClosedError('publish'));
    }
    this.#listeners.emit('state', change);
  }

  onData(data: unknown): void {
    const frame = parseFrame(data);
    if (frame === undefined) this.report(new MalformedFrameError(data));
    else if (frame !== 'ignored') this.#onFrame(frame);
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.t === 'log') this.#onLog(frame.isUp);
    else if (frame.t === 'hello') {
      this.#onLog(frame.isUp);
      this.#connection.greeted(frame.pingMs);
      this.#outgoing.greeted(frame.maxBytes);
    } else if (frame.t === 'bye') this.#connection.retryIn(frame.retryMs);
    else if (frame.t === 'ok') this.#outgoing.settle(`${frame.th} ${frame.id}`, frame.answer);
    else if (frame.t === 'err') this.#onRefusal(frame);
    else this.#threads.get(frame.th)?.receive(frame);
  }

  #onRefusal({ th: threadId, id, code: reason, why: detail, ref }: ServerFrame & { readonly t: 'err' }): void {
    if (threadId !== undefined && id !== undefined) {
      const error = new PublishRefusedError({ threadId, id, reason, detail });
      this.#outgoing.settle(`${threadId} ${id}`, error);
      return;
    }
    const thread = this.#threads.get(threadId ?? '');
    if (thread === undefined) this.report(new ServerError(reason, threadId));
    else thread.fail(reason, ref);
  }

  #onLog(isUp: boolean): void {
    if (isUp === this.isLogUp) return;
    this.isLogUp = isUp;
    this.#listeners.emit('log', { isUp });
  }

  #assertLive(action: string, threadId: string): void {
    checkThreadId(threadId);
    if (this.state === 'closed') throw new ClientClosedError(action);
  }
}

/** @throws UnserializableMessageError */
function toJson(data: unknown): string {
  let json: string | undefined;
  let cause: unknown;
  try {
    json = JSON.stringify(data);
  } catch (error) {
    cause = error;
  }
  if (json === undefined) throw new UnserializableMessageError(cause);
  return json;
}
