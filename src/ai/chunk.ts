/**
 * A chunk of the AI SDK's UI message stream (`UIMessageChunk` of npm `ai` 7), as far as it is looked at here. Its other fields, and chunks of
 * other types, are kept as they are.
 */
export interface UIChunk {
  readonly type: string;
}

/** A part of a message: text, a tool call, a file and so on. */
export interface UIPart {
  readonly type: string;
}

/** A message of the AI SDK (`UIMessage` of npm `ai` 7), as far as it is looked at here. */
export interface ChatMessage {
  readonly id: string;
  readonly role: 'system' | 'user' | 'assistant';
  readonly metadata?: unknown;
  readonly parts: readonly UIPart[];
}

/** Any JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object whose type says less. */
export function fieldsOf(value: object): Fields {
  return { ...value };
}

export const chunkOf = (type: string, fields: Fields): UIChunk => ({ ...fields, type });

/** Undefined for what is no text. */
export const textIn = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
