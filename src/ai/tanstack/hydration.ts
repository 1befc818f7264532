import { fieldsOf } from '../chunk.ts';
import { isRun } from './ag-ui-codec.ts';
import type { RunEntry } from './conversation.ts';

/** Which part of a chat to load (`ChatHydrateOptions` of TanStack AI). */
export interface HydratePage {
  readonly limit?: number;
  readonly before?: string;
}

/** What a run waits for, as its last event says. */
export type InterruptOf<Chunk> = Chunk extends { readonly outcome?: infer Outcome }
  ? Outcome extends { readonly interrupts: readonly (infer Interrupt)[] }
    ? Interrupt
    : never
  : never;

/** `ChatHydrationResult` of npm `@tanstack/ai-client`. */
export interface Hydration<Chunk, Message> {
  messages: Message[];
  /** A run in progress comes to subscribers. */
  activeRun: null;
  interrupts: { runId: string; pending: InterruptOf<Chunk>[] } | null;
  page: { truncated: false } | { truncated: true; cursor: string };
}

/** What the newest run waits for: an approval, for example. */
export function interruptsOf<Chunk>(newest: RunEntry | undefined): Hydration<Chunk, never>['interrupts'] {
  const end = isRun(newest?.data) ? newest.data.chunks.findLast(({ type }) => type === 'RUN_FINISHED') : undefined;
  const { type, interrupts } = fieldsOf(Object(fieldsOf(end ?? {})['outcome']));
  if (newest === undefined || type !== 'interrupt' || !areInterrupts<Chunk>(interrupts)) return null;
  return { runId: newest.id, pending: interrupts };
}

/** The log is trusted to have events of the application's types. */
const areInterrupts = <Chunk>(value: unknown): value is InterruptOf<Chunk>[] => Array.isArray(value);
