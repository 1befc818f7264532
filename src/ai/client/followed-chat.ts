import type { ChatMessage } from '../chunk.ts';

/** A chat of the page: `Chat` of `@ai-sdk/react`, or any other `AbstractChat` of npm `ai` 7. */
export interface FollowedChat<Message extends ChatMessage = ChatMessage> {
  readonly id: string;
  messages: Message[];
  readonly status: 'submitted' | 'streaming' | 'ready' | 'error';
  resumeStream(): Promise<void>;
}
