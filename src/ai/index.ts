export { serveChat } from './serve-chat.ts';
export type { ChatServer } from './serve-chat.ts';
export { uiMessageCodec } from './ui-message-codec.ts';
export type { ChatMessage, UIChunk, UIPart } from './chunk.ts';
export type { ChatAnswer, ChatTurn, ChunkSource, ServeChatOptions, StreamResult } from './options.ts';
