import type { Codec } from '../../api/definition.ts';
import { fieldsOf, textIn, type Fields } from '../chunk.ts';
import { sizeOf } from '../json-size.ts';

/** An event of the AG-UI protocol (`StreamChunk` of npm `@tanstack/ai`), as far as it is looked at here. */
export interface AgUiEvent {
  readonly type: string;
}

/** What a run leaves in the log of its thread: its events, folded. */
export interface LoggedRun {
  readonly chunks: readonly AgUiEvent[];
  /** Why it has ended, where its publisher did not end it. */
  readonly aborted?: string;
}

/** What a small event counts besides its text, in bytes. */
const OVERHEAD_BYTES = 64;

/** For events of growing text: the field that names what grows. */
const GROWING: Readonly<Record<string, string>> = {
  TEXT_MESSAGE_CONTENT: 'messageId',
  REASONING_MESSAGE_CONTENT: 'messageId',
  TOOL_CALL_ARGS: 'toolCallId',
};

/**
 * The codec of runs: events of the AG-UI protocol, which TanStack AI speaks. Neighbouring deltas of the same text, reasoning or tool arguments
 * are one. The stream ends as its own folded events, because what messages they make is the business of TanStack's `StreamProcessor`.
 */
export const agUiCodec: Codec<AgUiEvent, LoggedRun> = {
  name: 'ag-ui',
  fold(a, b) {
    const of = GROWING[a.type];
    if (of === undefined || a.type !== b.type) return undefined;
    const [first, second] = [fieldsOf(a), fieldsOf(b)];
    const [start, rest] = [textIn(first['delta']), textIn(second['delta'])];
    if (first[of] !== second[of] || start === undefined || rest === undefined) return undefined;
    const metadata = merged(first['metadata'], second['metadata']);
    return { ...first, ...second, ...(metadata && { metadata }), type: a.type, delta: start + rest } as const;
  },
  sizeOf: (chunk) => OVERHEAD_BYTES + (textOfGrowing(chunk)?.length ?? sizeOf(chunk)),
  // a result finds its call wherever it comes, but not after the run; an end that asks for something must not wait
  order(chunk) {
    if (isResult(chunk)) return 'late';
    const isEnd = chunk.type === 'RUN_ERROR' || chunk.type === 'RUN_FINISHED';
    return isEnd && !isInterrupt(chunk) ? 'last' : undefined;
  },
  end: (chunks) => ({ chunks }),
};

/** The result of a tool. */
export const isResult = ({ type }: AgUiEvent): boolean => type === 'TOOL_CALL_RESULT';

/** The end of a run that waits for an answer, to an approval for example. */
const isInterrupt = (chunk: AgUiEvent): boolean => fieldsOf(Object(fieldsOf(chunk)['outcome']))['type'] === 'interrupt';

/** Adds an event to a folded list. */
export function putFolded(list: AgUiEvent[], chunk: AgUiEvent): void {
  const last = list.at(-1);
  const both = last && agUiCodec.fold(last, chunk);
  if (both === undefined) list.push(chunk);
  else list[list.length - 1] = both;
}

/** The text that an event adds; undefined for events that do not grow. */
export function textOfGrowing(chunk: AgUiEvent): string | undefined {
  return chunk.type in GROWING ? textIn(fieldsOf(chunk)['delta']) : undefined;
}

/** Whether an entry of the log is a run. */
export function isRun(data: unknown): data is LoggedRun {
  return typeof data === 'object' && data !== null && 'chunks' in data && Array.isArray(data.chunks);
}

/**
 * The event that ends the run for its viewers, where its own events do not: without one, a client of TanStack AI waits forever.
 * @param aborted why it has ended; undefined for an ordinary end
 */
export function endOf(chunks: readonly AgUiEvent[], runId: string, aborted: string | undefined): AgUiEvent | undefined {
  const last = chunks.findLast(({ type }) => type.startsWith('RUN_'));
  if (last?.type === 'RUN_FINISHED' || last?.type === 'RUN_ERROR') return undefined;
  const { threadId = '', runId: own = runId } = fieldsOf(last ?? {});
  const isStopped = aborted === undefined || aborted === 'cancelled' || aborted === 'aborted';
  const fields = { threadId, runId: own };
  if (isStopped) return event('RUN_FINISHED', { ...fields, finishReason: 'stop' });
  return event('RUN_ERROR', { ...fields, message: 'The response was interrupted.' });
}

export const event = (type: string, fields: Fields): AgUiEvent => ({ ...fields, type });

/** As TanStack AI merges metadata of a message: by key, and within `tanstack` by key. */
function merged(a: unknown, b: unknown): Fields | undefined {
  if (!isFields(a) || !isFields(b)) return isFields(b) ? b : isFields(a) ? a : undefined;
  const tanstack = merged(a['tanstack'], b['tanstack']);
  return { ...a, ...b, ...(tanstack && { tanstack }) };
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
