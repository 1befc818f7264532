import { AckQueue } from '../client/ack-queue.ts';
import type { BytesReader } from '../client/bytes-reader.ts';
import { BytesSocket } from '../client/bytes-socket.ts';
import { ServerConnection } from '../client/connection.ts';
import type { ConnectionListener, StateChange } from '../client/connection-states.ts';
import { ClientClosedError, MalformedFrameError, PublishRefusedError, ServerError } from '../client/errors.ts';
import { textOf } from '../client/fields.ts';
import { parseFrame, type PublishAnswer, type ServerFrame, type ThreadFrame } from '../client/frames.ts';
import { JoinQueue } from '../client/join-queue.ts';
import { limitsOf } from '../client/list-frames.ts';
import type { ClientSettings } from '../client/options.ts';
import { PublishQueue } from '../client/publish-queue.ts';
import type { Frame, OpenSocket } from '../client/socket.ts';
import type { JoinedThread } from '../client/thread.ts';
import { isUnwanted, type Line, type LineListener } from './line.ts';

/** What takes the frames of threads that begin with `~`. */
export interface LineInbox {
  /** Whether it takes those of the thread from this line. */
  reads(line: HubLine, threadId: string): boolean;
  receive(line: HubLine, frame: ThreadFrame): void;
  /** A request that names no thread was refused. */
  fail(line: HubLine, code: string, ref: number | undefined): void;
}

/** One socket to a hub, from its handshake to its end, with the threads that use it. It is never mended: the next one is another line. */
export class HubLine implements Line, ConnectionListener {
  readonly joins: JoinQueue;
  readonly acks: AckQueue;
  /** The joins of each thread. */
  readonly threads = new Map<string, readonly JoinedThread[]>();
  hasHistory = false;
  /** The hub knows the frame `inbox`. */
  hasInbox = false;
  readonly #listener: LineListener;
  readonly #inbox: LineInbox;
  readonly #connection: ServerConnection;
  readonly #publishQueue: PublishQueue;
  #isGreeted = false;
  #isOver = false;
  /** The hub asked for this wait, with `bye`. */
  #retryMs = 0;

  /** @param bytes shared by all lines of the pool */
  constructor(settings: ClientSettings, listener: LineListener, inbox: LineInbox, bytes: BytesReader) {
    this.#listener = listener;
    this.#inbox = inbox;
    const { open } = settings;
    const isRead = (threadId: unknown): boolean =>
      typeof threadId === 'string' && (this.threads.has(threadId) || inbox.reads(this, threadId));
    const openForBytes: OpenSocket = (url) => new BytesSocket(open, url, bytes, isRead);
    this.#connection = new ServerConnection({ ...settings, open: openForBytes }, this);
    const send = (text: string): boolean => this.send(text);
    this.joins = new JoinQueue(send);
    this.acks = new AckQueue(settings.clock, send);
    this.#publishQueue = new PublishQueue(settings, {
      // a thread returns what is published in it, so the join goes out first
      sendPublish: (threadId, frame) => {
        for (const thread of this.threads.get(threadId) ?? []) this.joins.urge(thread);
        return this.send(frame);
      },
    });
  }

  /** @throws InvalidOptionError if the WebSocket constructor rejects the URL */
  dial(): void {
    this.#connection.start();
  }

  send(frame: Frame): boolean {
    return this.#connection.send(frame);
  }

  /** The join uses this line from now on. */
  add(thread: JoinedThread): void {
    this.threads.set(thread.id, [...(this.threads.get(thread.id) ?? []), thread]);
    thread.join();
  }

  /** The join uses another line, or is over. */
  delete(thread: JoinedThread): void {
    this.joins.delete(thread);
    const others = (this.threads.get(thread.id) ?? []).filter((join) => join !== thread);
    if (others.length > 0) this.threads.set(thread.id, others);
    else if (this.threads.delete(thread.id)) this.acks.delete(thread.id);
  }

  /** Rejects with ClientClosedError when the line is lost before the answer. */
  request(
    threadId: string,
    id: string,
    frame: Frame,
    timeoutMs: number,
    isVolatile: boolean,
  ): Promise<PublishAnswer | undefined> {
    return this.#publishQueue.add(threadId, id, frame, timeoutMs, isVolatile);
  }

  close(): void {
    this.#end();
    this.#connection.close();
  }

  // --- events of the socket

  onState({ to, code = 1006, reason = '', retryInMs = 0 }: StateChange): void {
    if (this.#isOver || (to !== 'waiting' && to !== 'closed')) return;
    this.#end();
    this.#connection.close();
    const asked = this.#retryMs > 0 ? retryInMs : 0;
    this.#listener.onLost({
      code,
      reason,
      isRefused: to === 'closed' || isUnwanted(code, this.#isGreeted),
      retryInMs: asked,
    });
  }

  onData(data: unknown): void {
    const frame = parseFrame(data);
    if (!frame) this.report(new MalformedFrameError({ start: textOf(data)?.slice(0, 100) ?? '' }));
    else if (frame !== 'ignored') this.#onFrame(frame);
  }

  report(error: unknown): void {
    this.#listener.report(error);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.joins.suspend();
    this.acks.suspend();
    this.#publishQueue.end(new ClientClosedError({ action: 'publish' }));
  }

  #onFrame(frame: ServerFrame): void {
    if (frame.t === 'hello') this.#onHello(frame);
    else if (frame.t === 'log') this.#listener.onLog(frame.isUp);
    else if (frame.t === 'bye') this.#retryMs = this.#connection.retryMs = frame.retryMs;
    else if (frame.t === 'renew') this.#connection.renew();
    else if (frame.t === 'ok') this.#publishQueue.settle(frame.th, frame.id, frame.answer);
    else if (frame.t === 'err') this.#onRefusal(frame);
    else {
      if (frame.t === 'joined') this.joins.answered(frame.ref);
      if (frame.th.startsWith('~')) this.#inbox.receive(this, frame);
      else for (const thread of this.threads.get(frame.th) ?? []) thread.receive(frame);
    }
  }

  #onHello({ isUp, pingMs, spreadMs, maxBytes, list, history }: ServerFrame & { readonly t: 'hello' }): void {
    this.#listener.onLog(isUp);
    this.hasHistory = !!history;
    this.hasInbox = list !== undefined;
    this.#connection.greeted(pingMs, spreadMs);
    if (this.#isGreeted) return;
    this.#isGreeted = true;
    const limits = limitsOf(list, maxBytes);
    this.acks.greeted(limits);
    this.joins.greeted(limits);
    this.#publishQueue.greeted(maxBytes);
    this.#listener.onGreeted();
  }

  #onRefusal({ th: threadId, id, code: reason, why: detail, ref, paths }: ServerFrame & { readonly t: 'err' }): void {
    if (threadId && id) {
      this.#publishQueue.settle(threadId, id, new PublishRefusedError({ threadId, id, reason, detail, paths }));
      return;
    }
    this.joins.answered(ref);
    const threads = this.threads.get(threadId ?? '');
    if (threads !== undefined) for (const thread of threads) thread.fail(reason, ref);
    else if (!ref) this.report(new ServerError({ reason, threadId }));
    // a question of the inbox names no thread
    else if (!threadId) this.#inbox.fail(this, reason, ref);
  }
}
