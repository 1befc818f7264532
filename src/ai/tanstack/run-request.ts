import { isMessage } from '../chat-frames.ts';
import { fieldsOf, textIn, type ChatMessage, type Fields } from '../chunk.ts';

/** What `tanstackConnection` publishes. */
export interface RunRequest {
  readonly runId: string;
  readonly parentRunId: string | undefined;
  readonly message: ChatMessage;
  readonly tools: readonly unknown[];
  readonly resume: readonly unknown[] | undefined;
  readonly forwardedProps: Fields;
}

/** Client tools, and entries of `resume`, of one request. */
const MOST = 1_000;

/** Undefined for anything else. */
export function runRequest(data: object): RunRequest | undefined {
  const { runId, parentRunId, message, tools = [], resume, forwardedProps = {} } = fieldsOf(data);
  const id = textIn(runId);
  if (id === undefined || !/^[\w.:-]{1,128}$/.test(id)) return undefined;
  if (!isMessage(message) || message.role === 'system') return undefined;
  if (!isList(tools) || (resume !== undefined && !isList(resume)) || !isFields(forwardedProps)) return undefined;
  return { runId: id, parentRunId: textIn(parentRunId), message, tools, resume, forwardedProps };
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value) && value.length <= MOST;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
