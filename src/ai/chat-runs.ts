import { randomUUID } from 'node:crypto';
import type { Hub } from '../api/hub.ts';
import type { ChatHost } from './chat-host.ts';
import { ChatRun, type TurnRequest } from './chat-run.ts';
import type { FollowedStream } from '../api/protocol.ts';
import type { Session } from '../api/session.ts';
import { InvalidThreadIdError } from '../infra/errors.ts';
import type { AnswerTrace } from '../infra/telemetry/chat-telemetry.ts';
import type { ChatMessage } from './chunk.ts';
import type { ChatSettings } from './options.ts';
import { TurnClaims, type TurnPlace } from './turn-claims.ts';
import { uiMessageCodec } from './ui-message-codec.ts';

/** The answers that this process makes. */
export class ChatRuns {
  readonly claims: TurnClaims;
  readonly #hub: Hub;
  readonly #settings: ChatSettings;
  readonly #runs = new Map<string, ChatRun>();
  #heldBytes = 0;
  #host: ChatHost | undefined;

  constructor(hub: Hub, settings: ChatSettings) {
    this.#hub = hub;
    this.#settings = settings;
    this.claims = new TurnClaims(hub, uiMessageCodec.name);
  }

  /** Called once, before the first request. */
  attach(host: ChatHost): void {
    this.#host = host;
  }

  /** @throws Error before `attach` */
  get host(): ChatHost {
    if (this.#host === undefined) throw new Error('the chats are not attached to a hub');
    return this.#host;
  }

  /** For the spans of those that follow it, whichever node makes it. */
  traceOf({ id, traceparent }: FollowedStream): AnswerTrace | undefined {
    const run = this.#runs.get(id);
    if (run !== undefined) return run.trace;
    return traceparent === undefined ? undefined : this.host.telemetry.elsewhere(traceparent);
  }

  get size(): number {
    return this.#runs.size;
  }

  get isFull(): boolean {
    return this.#runs.size >= this.#settings.maxRuns;
  }

  /** Undefined for a chat that has none: its id makes no thread id, or `threadOf` throws, which is reported. */
  threadOf(chatId: string): string | undefined {
    try {
      return this.#hub.thread(this.#settings.threadOf(chatId)).id;
    } catch (error) {
      if (!(error instanceof InvalidThreadIdError)) this.host.report(error);
      return undefined;
    }
  }

  /** Whether the client may use the chat. @throws AnswerTimeoutError, or what `authorize` throws */
  async mayUse(session: Session, chatId: string): Promise<boolean> {
    const { authorize, answerTimeoutMs } = this.#settings;
    const allowed: unknown = await this.host.answerOf('authorize', authorize(session, chatId), answerTimeoutMs);
    return allowed === true;
  }

  /** @throws AnswerTimeoutError, or what `validateMessages` throws: they are not valid */
  validate(messages: readonly ChatMessage[]): Promise<ChatMessage[]> {
    const { validateMessages, answerTimeoutMs } = this.#settings;
    return this.host.answerOf('validateMessages', validateMessages(messages), answerTimeoutMs);
  }

  /** Counts the bytes of a request until `release`; false if there are too many. */
  hold(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#settings.maxTotalRequestBytes) return false;
    this.#heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  /** Begins an answer, which keeps its place to its end. Its stream is known to the thread when this returns. @throws as `Thread.stream` */
  start(request: TurnRequest, place: TurnPlace): ChatRun {
    const id = randomUUID();
    const run = new ChatRun(id, request, this.#hub.thread(request.threadId), {
      settings: this.#settings,
      host: this.host,
    });
    this.#runs.set(id, run);
    // its messages live as long as it does
    this.#heldBytes += request.bytes;
    void run.over.then(() => {
      place.leave();
      this.#runs.delete(id);
      this.#heldBytes -= request.bytes;
    });
    return run;
  }

  /** Stops the answers of a thread that this process makes. False if there is none. */
  cancel(threadId: string): boolean {
    const runs = [...this.#runs.values()].filter((run) => run.threadId === threadId);
    for (const run of runs) run.stop();
    return runs.length > 0;
  }
}
