import { isMessage } from '../chat-frames.ts';
import { fieldsOf, textIn, type ChatMessage, type Fields } from '../chunk.ts';

/** An answer to an interrupt, to an approval for example (`RunAgentResumeItem` of npm `@tanstack/ai`). */
export interface RunResume {
  interruptId: string;
  status: 'resolved' | 'cancelled';
  /** JSON of the client, not checked. */
  payload?: unknown;
  /** JSON of the client, not checked. */
  metadata?: Record<string, unknown>;
}

/** What `tanstackConnection` publishes. */
export interface RunRequest {
  readonly runId: string;
  readonly parentRunId: string | undefined;
  readonly message: ChatMessage;
  readonly tools: readonly unknown[];
  readonly resume: RunResume[] | undefined;
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
  if (!isList(tools) || !isFields(forwardedProps)) return undefined;
  if (resume !== undefined && (!isList(resume) || !resume.every(isResume))) return undefined;
  return {
    runId: id,
    parentRunId: textIn(parentRunId),
    message,
    tools,
    resume: resume && [...resume],
    forwardedProps,
  };
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value) && value.length <= MOST;

function isResume(value: unknown): value is RunResume {
  if (!isFields(value)) return false;
  const { interruptId, status, metadata } = value;
  const isAnswer = status === 'resolved' || status === 'cancelled';
  return typeof interruptId === 'string' && isAnswer && (metadata === undefined || isFields(metadata));
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
