import { answer } from '../api/answer.ts';
import type { PublishAnswer, PublishedMessage } from '../api/connection.ts';
import type { Hub } from '../api/hub.ts';
import { Refusal } from '../api/refusal.ts';
import type { Session } from '../api/session.ts';
import { AnswerTimeoutError, UnknownMessageError } from '../infra/errors.ts';
import { chatFrame, type ChatFrame } from './chat-frames.ts';
import type { ChatRun, TurnRequest } from './chat-run.ts';
import type { ChatRuns } from './chat-runs.ts';
import type { ChatMessage } from './chunk.ts';
import { readConversation, type LoggedMessage } from './conversation.ts';
import type { ChatSettings } from './options.ts';
import { TEXTS } from './texts.ts';
import type { TurnPlace } from './turn-claims.ts';
import { uiMessageCodec } from './ui-message-codec.ts';

type Send = Extract<ChatFrame, { type: 'send' }>;

/** A turn that was asked for by `publish`. */
type PublishedTurn = Pick<TurnRequest, 'frame' | 'threadId' | 'requestedAt' | 'link'>;

/** What a client of `threadcast/ai/client` publishes; it is checked here. */
interface Published {
  readonly type?: unknown;
  readonly id?: unknown;
  readonly message?: unknown;
}

/** What the turn makes of the conversation. */
interface Change {
  /** The conversation that is to be answered. */
  readonly messages: readonly ChatMessage[];
  readonly bytes: number;
  /** Entries of the log that this turn replaces. */
  readonly dropped: readonly string[];
  /** The user's new message. */
  readonly added: ChatMessage | undefined;
}

/** Turns that clients of `threadcast/ai/client` ask for: a client publishes its new message, and the log has those before it. */
export class ChatTurns {
  readonly #hub: Hub;
  readonly #runs: ChatRuns;
  readonly #settings: ChatSettings;

  constructor(hub: Hub, runs: ChatRuns, settings: ChatSettings) {
    this.#hub = hub;
    this.#runs = runs;
    this.#settings = settings;
  }

  /** Undefined for a message that is none of a chat's. */
  take(session: Session, { threadId, data, trace }: PublishedMessage): Promise<PublishAnswer> | undefined {
    if (typeof data !== 'object' || data === null) return undefined;
    const { type, id: chatId, message, ...fields }: Published = data;
    if (typeof chatId !== 'string' || this.#settings.threadOf(chatId) !== threadId) return undefined;
    if (type === 'abort') return this.#abort(session, chatId, threadId);
    if (type !== 'send') return undefined;
    const messages = message === undefined ? [] : [message];
    const frame = chatFrame({ headers: {}, body: {}, ...fields, type, id: chatId, requestId: '-', messages });
    if (frame?.type !== 'send') return Promise.resolve(new Refusal(403, TEXTS.invalid));
    const requestedAt = this.#runs.host.wallTime;
    return this.#send(session, { frame, threadId, requestedAt, link: trace });
  }

  /** Answers whether the client is to cancel the stream. */
  async #abort(session: Session, chatId: string, threadId: string): Promise<PublishAnswer> {
    if (!(await this.#mayUse(session, chatId))) return new Refusal(403, TEXTS.forbidden);
    const { onAbort } = this.#settings;
    const isAlone = onAbort === 'last-viewer' && (await this.#hub.thread(threadId).memberCount()) <= 1;
    return answer({ cancel: onAbort === 'always' || isAlone });
  }

  async #send(session: Session, request: PublishedTurn): Promise<PublishAnswer> {
    const { frame, threadId } = request;
    if (!(await this.#mayUse(session, frame.id))) return new Refusal(403, TEXTS.forbidden);
    // of two requests at the same moment, one begins
    const place = await this.#runs.claims.take(threadId, () => this.#isAnswered(threadId));
    if (place === undefined) return new Refusal(429, TEXTS.busy);
    let run: ChatRun | undefined;
    try {
      const begun = await this.#begin(session, request, place);
      if (begun instanceof Refusal) return begun;
      run = begun;
    } finally {
      if (run === undefined) place.leave();
    }
    const [from, to] = run.known ?? [0, 0];
    return answer({ streamId: run.streamId, known: to - from });
  }

  async #begin(session: Session, request: PublishedTurn, place: TurnPlace): Promise<ChatRun | Refusal> {
    const { frame, threadId } = request;
    const change = changeOf(await readConversation(this.#hub, threadId), frame);
    if (change === undefined) return new Refusal(403, TEXTS.invalid);
    const messages = await this.#valid(change.messages);
    if (messages === undefined) return new Refusal(403, TEXTS.invalid);
    if (this.#runs.isFull || !this.#runs.hold(change.bytes)) return new Refusal(503, TEXTS.full);
    try {
      await this.#log(threadId, change);
      const { bytes } = change;
      return this.#runs.start({ ...request, messages, session, bytes }, place);
    } finally {
      this.#runs.release(change.bytes);
    }
  }

  async #log(threadId: string, { dropped, added }: Change): Promise<void> {
    const thread = this.#hub.thread(threadId);
    for (const entry of dropped) {
      try {
        await thread.remove(entry);
      } catch (error) {
        // it is of the application's own history, or was removed meanwhile
        if (!(error instanceof UnknownMessageError)) throw error;
      }
    }
    if (added !== undefined) await thread.send(added);
  }

  async #valid(messages: readonly ChatMessage[]): Promise<ChatMessage[] | undefined> {
    try {
      return await this.#runs.validate(messages);
    } catch (error) {
      if (error instanceof AnswerTimeoutError) this.#runs.host.report(error);
      return undefined;
    }
  }

  async #mayUse(session: Session, chatId: string): Promise<boolean> {
    return this.#runs.mayUse(session, chatId);
  }

  #isAnswered(threadId: string): boolean {
    return this.#hub
      .thread(threadId)
      .streams()
      .some(({ codec }) => codec === uiMessageCodec.name);
  }
}

/** Undefined for a turn that this conversation cannot take. */
function changeOf(
  logged: readonly LoggedMessage[],
  { trigger, messageId, messages: [message] }: Send,
): Change | undefined {
  if (trigger === 'regenerate-message') {
    const last = logged.at(-1);
    const id = messageId ?? (last?.message.role === 'assistant' ? last.message.id : undefined);
    const at = indexOf(logged, id);
    return at === 0 ? undefined : changed(logged, at, undefined);
  }
  if (message?.role === 'user') return changed(logged, indexOf(logged, messageId), message);
  // the answer goes on, after an approval or a tool that ran in the client
  const last = logged.at(-1);
  if (message?.role !== 'assistant' || last?.message.id !== message.id) return undefined;
  const before = changed(logged, logged.length - 1, undefined);
  return { ...before, messages: [...before.messages, message], bytes: before.bytes + sizeOf(message), dropped: [] };
}

/** The conversation up to this index, and a new message. */
function changed(logged: readonly LoggedMessage[], at: number, added: ChatMessage | undefined): Change {
  const kept = logged.slice(0, at);
  const messages = kept.map(({ message }) => message);
  const bytes = kept.reduce((sum, each) => sum + each.bytes, 0);
  return {
    messages: added === undefined ? messages : [...messages, added],
    bytes: bytes + (added === undefined ? 0 : sizeOf(added)),
    dropped: logged.slice(at).flatMap(({ entries }) => entries),
    added,
  };
}

const sizeOf = (message: ChatMessage): number => JSON.stringify(message).length;

/** The end where there is no such message. */
function indexOf(logged: readonly LoggedMessage[], id: string | undefined): number {
  const at = logged.findIndex(({ message }) => message.id === id);
  return at < 0 ? logged.length : at;
}
