import { isMessage } from '../chat-frames.ts';
import { fieldsOf, type ChatMessage } from '../chunk.ts';
import { endOf, isRun, type AgUiEvent } from './ag-ui-codec.ts';

/** Makes messages of events: `StreamProcessor` of npm `@tanstack/ai`. */
export interface RunProcessor<Chunk extends AgUiEvent = AgUiEvent, Message extends ChatMessage = ChatMessage> {
  processChunk(chunk: Chunk): void;
  getMessages(): Message[];
  setMessages(messages: Message[]): void;
  prepareAssistantMessage(): void;
}

/** An entry of a chat's thread. */
export interface RunEntry {
  readonly id: string;
  readonly data: unknown;
}

/** Makes the messages of a chat from the entries of its thread, as a client makes them that has seen all of it. */
export class Conversation<Chunk extends AgUiEvent, Message extends ChatMessage> {
  readonly #processor: RunProcessor<Chunk, Message>;
  readonly #isChunk = (_event: AgUiEvent): _event is Chunk => true;

  constructor(processor: RunProcessor<Chunk, Message>) {
    this.#processor = processor;
  }

  get messages(): Message[] {
    return this.#processor.getMessages();
  }

  /** The events of a run, or a message that a client has sent. Anything else is none of the chat's. */
  add({ id, data }: RunEntry): void {
    if (isRun(data)) {
      const end = endOf(data.chunks, id, data.aborted);
      this.addEvents(end === undefined ? data.chunks : [...data.chunks, end]);
    }
    if (this.#isMessage(data)) this.#put(data);
  }

  /** The events of a run so far. */
  addEvents(events: readonly AgUiEvent[]): void {
    this.#processor.prepareAssistantMessage();
    for (const next of events) if (this.#isChunk(next)) this.#processor.processChunk(next);
  }

  /** A message with a known id is a newer version of it. */
  #put(logged: Message): void {
    const { createdAt } = fieldsOf(logged);
    const message = typeof createdAt === 'string' ? { ...logged, createdAt: new Date(createdAt) } : logged;
    const { messages } = this;
    const at = messages.findIndex(({ id }) => id === message.id);
    this.#processor.setMessages(at < 0 ? [...messages, message] : messages.with(at, message));
  }

  /** The log is trusted to have the application's messages. */
  #isMessage(data: unknown): data is Message {
    return isMessage(data);
  }
}
