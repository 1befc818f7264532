import type { Client, ClientEvents, ClientThread, JoinOptions, Published, PublishOptions } from './api.ts';
import { Connection } from './connection.ts';
import { reportGlobally } from './environment.ts';
import {
  ClientClosedError,
  ConnectionRefusedError,
  MalformedFrameError,
  MessageTooLargeError,
  PublishRefusedError,
  ServerError,
  UnserializableMessageError,
} from './errors.ts';
import { parseFrame, requests, type ServerFrame } from './frames.ts';
import { Listeners } from './listeners.ts';
import { checkId, type ClientSettings } from './options.ts';
import { Outgoing } from './outgoing.ts';
import type { ClientState, StateChange } from './states.ts';
import { JoinedThread, type ThreadHost } from './thread.ts';

/** A client at work: its connection brings frames, its threads take them. */
export class ThreadcastClient implements Client, ThreadHost {
  readonly settings: ClientSettings;
  readonly #connection: Connection;
  readonly #outgoing: Outgoing;
  readonly #threads = new Map<string, JoinedThread>();
  readonly #listeners = new Listeners<ClientEvents>((error) => this.report(error));
  #maxBytes = Infinity;
  #joins = 0;
  /** What is published waits for `hello`: what is too big must not be sent, or the server would close for good. */
  #isGreeted = false;

  constructor(settings: ClientSettings) {
    this.settings = settings;
    this.#connection = new Connection(settings, {
      onState: (change) => this.#onState(change),
      onData: (data) => this.#onData(data),
      onError: (error) => this.report(error),
    });
    this.#outgoing = new Outgoing(settings.maxQueued, (text) => this.#isGreeted && this.#connection.send(text));
    this.#connection.start();
  }

  get state(): ClientState {
    return this.#connection.state;
  }

  on<E extends keyof ClientEvents>(event: E, listener: (news: ClientEvents[E]) => void): () => void {
    return this.#listeners.on(event, listener);
  }

  join(threadId: string, options: JoinOptions = {}): ClientThread {
    checkId('threadId', threadId);
    this.#assertLive('join');
    const known = this.#threads.get(threadId);
    if (known !== undefined) return known;
    const thread = new JoinedThread(threadId, options, this);
    this.#threads.set(threadId, thread);
    thread.join();
    return thread;
  }

  async publish(threadId: string, data: unknown, options: PublishOptions = {}): Promise<Published> {
    checkId('threadId', threadId);
    const id = checkId('id', options.id ?? this.settings.newId());
    this.#assertLive('publish');
    const text = requests.publish(threadId, id, toJson(data), options.trace);
    const error = this.#sizeError(text);
    if (error !== undefined) throw error;
    return { id, position: await this.#outgoing.offer(`${threadId} ${id}`, text) };
  }

  close(): void {
    this.#connection.close();
  }

  // --- for its threads

  send(text: string): boolean {
    return this.#connection.send(text);
  }

  nextRef(): number {
    return ++this.#joins;
  }

  report(error: unknown): void {
    if (!this.#listeners.emit('error', error)) reportGlobally(error);
  }

  forget(thread: JoinedThread): void {
    if (this.#threads.get(thread.id) === thread) this.#threads.delete(thread.id);
  }

  // --- news of the connection

  #onState(change: StateChange): void {
    const threads = [...this.#threads.values()];
    if (change.to === 'open') {
      for (const thread of threads) thread.join();
    } else if (change.to === 'waiting') {
      this.#isGreeted = false;
      for (const thread of threads) thread.suspend();
    } else if (change.to === 'closed') {
      const { code = 1000, reason = '' } = change;
      const error = code === 1000 ? undefined : new ConnectionRefusedError(code, reason);
      for (const thread of threads) thread.end(error);
      this.#outgoing.abandon(new ClientClosedError('publish'));
    }
    this.#listeners.emit('state', change);
  }

  #onData(data: unknown): void {
    const frame = parseFrame(data);
    if (frame === undefined) this.report(new MalformedFrameError(data));
    else if (frame !== 'ignored') this.#onFrame(frame);
  }

  #onFrame(frame: ServerFrame): void {
    switch (frame.t) {
      case 'joined':
      case 'messages':
      case 'tok':
      case 'part':
      case 'gap':
        this.#threads.get(frame.th)?.receive(frame);
        return;
      case 'hello':
        this.#maxBytes = frame.maxBytes ?? Infinity;
        this.#isGreeted = true;
        this.#outgoing.flush((text) => this.#sizeError(text));
        if (frame.pingMs !== undefined) this.#connection.silence.expect(frame.pingMs);
        return;
      case 'bye':
        this.#connection.retryIn(frame.retryMs);
        return;
      case 'ok':
        this.#outgoing.settle(`${frame.th} ${frame.id}`, frame.pos);
        return;
      case 'err': {
        const { th: threadId, id, code: reason, why: detail, ref } = frame;
        if (threadId !== undefined && id !== undefined) {
          const error = new PublishRefusedError({ threadId, id, reason, detail });
          this.#outgoing.settle(`${threadId} ${id}`, undefined, error);
          return;
        }
        const thread = threadId === undefined ? undefined : this.#threads.get(threadId);
        if (thread === undefined) this.report(new ServerError(reason, threadId));
        else thread.fail(reason, ref);
      }
    }
  }

  #sizeError(text: string): MessageTooLargeError | undefined {
    // no character has more than three bytes for each of its units
    if (text.length * 3 <= this.#maxBytes) return undefined;
    const bytes = new TextEncoder().encode(text).length;
    return bytes > this.#maxBytes ? new MessageTooLargeError(bytes, this.#maxBytes) : undefined;
  }

  #assertLive(action: string): void {
    if (this.state === 'closed') throw new ClientClosedError(action);
  }
}

/** @throws UnserializableMessageError */
function toJson(data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (error) {
    throw new UnserializableMessageError(error);
  }
  if (json === undefined) throw new UnserializableMessageError();
  return json;
}
