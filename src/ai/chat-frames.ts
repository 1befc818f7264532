import type { ChatMessage, UIChunk, UIPart } from './chunk.ts';

/** What a client of the AI SDK's `WebSocketChatTransport` sends; `cancel` is ours. */
export type ChatFrame =
  | {
      readonly type: 'send';
      readonly requestId: string;
      readonly id: string;
      readonly trigger: 'submit-message' | 'regenerate-message';
      readonly messageId: string | undefined;
      readonly messages: readonly ChatMessage[];
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Readonly<Record<string, unknown>>;
      readonly metadata: unknown;
    }
  | { readonly type: 'resume'; readonly requestId: string; readonly id: string }
  | { readonly type: 'abort'; readonly requestId: string }
  /** Stops the answer for all of its viewers. */
  | { readonly type: 'cancel'; readonly id: string };

/** Messages of one request. */
const MOST_MESSAGES = 10_000;

/** Headers of one request. */
const MOST_HEADERS = 256;

/** Parts of messages that are looked at in one go. */
const PARTS_PER_TURN = 16 * 1024;

/** Ids of requests come from the client, and go back with each chunk. */
const MOST_ID_UNITS = 256;

/** As `chatFrame`, without holding the event loop for a big one. */
export async function chatFrameInSlices(value: unknown, nextTurn: () => Promise<void>): Promise<ChatFrame | undefined> {
  const all: unknown = isRecord(value) ? value['messages'] : undefined;
  const messages: ChatMessage[] = [];
  let parts = 0;
  for (const message of Array.isArray(all) && all.length <= MOST_MESSAGES ? all : []) {
    if (!isShaped(message)) return undefined;
    for (const part of message.parts) {
      if (!isPart(part)) return undefined;
      if (++parts % PARTS_PER_TURN === 0) await nextTurn();
    }
    messages.push(message);
  }
  return chatFrame(value, () => (Array.isArray(all) && messages.length === all.length ? messages : undefined));
}

/** The frame in a parsed text; undefined for anything else. */
export function chatFrame(
  value: unknown,
  check: (messages: unknown) => readonly ChatMessage[] | undefined = messagesIn,
): ChatFrame | undefined {
  if (!isRecord(value)) return undefined;
  const { type, requestId, id, headers, body, trigger, messageId, metadata, lastSequence } = value;
  if (type === 'cancel') return isShort(id) ? { type, id } : undefined;
  if (!isShort(requestId)) return undefined;
  if (type === 'abort') return { type, requestId };
  if (!isShort(id) || !isHeaders(headers) || !isRecord(body)) return undefined;
  // a replay is folded: a client cannot go on within it
  if (type === 'resume')
    return lastSequence === undefined || lastSequence === null ? { type, requestId, id } : undefined;
  if (type !== 'send' || (trigger !== 'submit-message' && trigger !== 'regenerate-message')) return undefined;
  if (messageId !== undefined && typeof messageId !== 'string') return undefined;
  const messages = check(value['messages']);
  if (messages === undefined) return undefined;
  return { type, requestId, id, trigger, messageId, messages, headers, body, metadata };
}

export const chatFrames = {
  started: (requestId: string): string => JSON.stringify({ type: 'start', requestId }),
  ended: (requestId: string): string => JSON.stringify({ type: 'end', requestId }),
  notActive: (requestId: string): string => JSON.stringify({ type: 'no-active', requestId }),
  failed: (requestId: string, errorText: string): string => JSON.stringify({ type: 'error', requestId, errorText }),
  chunk: (requestId: string, sequence: number, chunk: UIChunk): string =>
    `${chunkHead(requestId)}${sequence},"chunk":${JSON.stringify(chunk)}}`,
};

/** The frame of a chunk up to its number. */
export const chunkHead = (requestId: string): string =>
  `{"type":"chunk","requestId":${JSON.stringify(requestId)},"sequence":`;

const isShort = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MOST_ID_UNITS;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isHeaders(value: unknown): value is Record<string, string> {
  if (!isRecord(value)) return false;
  const names = Object.keys(value);
  return names.length <= MOST_HEADERS && names.every((name) => typeof value[name] === 'string');
}

const messagesIn = (messages: unknown): readonly ChatMessage[] | undefined =>
  Array.isArray(messages) && messages.length <= MOST_MESSAGES && messages.every(isMessage) ? messages : undefined;

export const isMessage = (value: unknown): value is ChatMessage => isShaped(value) && value.parts.every(isPart);

/** A message, but for its parts. */
function isShaped(value: unknown): value is ChatMessage {
  if (!isRecord(value)) return false;
  const { id, role, parts } = value;
  const isRole = role === 'user' || role === 'assistant' || role === 'system';
  return typeof id === 'string' && isRole && Array.isArray(parts);
}

const isPart = (value: unknown): value is UIPart => isRecord(value) && typeof value['type'] === 'string';
