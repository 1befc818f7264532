export { AnswerLostError } from './answer-chunks.ts';
export type { FollowedChat } from './followed-chat.ts';
export { chatTransport, ThreadcastChatTransport } from './transport.ts';
export type { ChatTransportOptions, SendMessages } from './transport.ts';
export type { ChatMessage, UIChunk, UIPart } from '../chunk.ts';
