import { updatesOf, type ChunkUpdate } from '../../chunks/index.ts';
import type { ClientStream } from '../../client/index.ts';
import { fieldsOf } from '../chunk.ts';
import {
  agUiCodec,
  endOf,
  event,
  isResult,
  isRun,
  putFolded,
  textOfGrowing,
  type AgUiEvent,
  type LoggedRun,
} from './ag-ui-codec.ts';

/** Events above this come after what has passed them; docs/PROTOCOL.md has the limit. */
const LATE_ABOVE_BYTES = 256 * 1024;

/**
 * The events of a run, each once, whatever happens to the connection. Where the server begins anew, or the run has ended meanwhile, only what is
 * missing follows: events never change, and only the text of the last one grows.
 *
 * @param stream undefined for a run that has ended before it was seen
 * @param final what it has left in the log, where that came without its stream
 */
export async function* runChunks(
  runId: string,
  stream: ClientStream | undefined,
  final: () => LoggedRun | undefined,
): AsyncGenerator<AgUiEvent> {
  const reader = new RunReader();
  if (stream !== undefined) for await (const update of updatesOf(stream, agUiCodec)) yield* reader.take(update);
  const data = final() ?? (await stream?.done)?.data;
  const run = isRun(data) ? data : final();
  if (run === undefined) {
    yield event('RUN_ERROR', { runId, message: 'The response is not available any more.' });
    return;
  }
  yield* reader.missing(run.chunks);
  const end = endOf(run.chunks, runId, run.aborted);
  if (end !== undefined) yield end;
}

/** Gives each event once. Results of tools are known by their calls, because big ones come late; the rest by its order. */
class RunReader {
  /** Without results, folded as far as it goes: the server folds as it likes. */
  readonly #given: AgUiEvent[] = [];
  /** Calls whose results were given. */
  readonly #results = new Set<unknown>();
  /** Results after a big one that is on its way: they keep their order. */
  #held: AgUiEvent[] = [];
  #late = 0;

  *take({ chunks, isReset, late }: ChunkUpdate<AgUiEvent>): Generator<AgUiEvent> {
    if (isReset) {
      this.#held = [];
      this.#late = late.length;
      yield* this.missing(chunks);
      return;
    }
    this.#late += late.length;
    for (const chunk of chunks) {
      if (isResult(chunk)) yield* this.#result(chunk);
      else {
        putFolded(this.#given, chunk);
        yield chunk;
      }
    }
  }

  *#result(chunk: AgUiEvent): Generator<AgUiEvent> {
    const isBig = agUiCodec.sizeOf(chunk) > LATE_ABOVE_BYTES;
    if (isBig) this.#late = Math.max(0, this.#late - 1);
    if (isBig || this.#late === 0) yield* this.#once(chunk);
    else this.#held.push(chunk);
    if (this.#late === 0) for (const each of this.#held.splice(0)) yield* this.#once(each);
  }

  *#once(result: AgUiEvent): Generator<AgUiEvent> {
    const { toolCallId } = fieldsOf(result);
    if (this.#results.has(toolCallId)) return;
    this.#results.add(toolCallId);
    yield result;
  }

  /** What the whole, from the first event on, has more. */
  *missing(whole: readonly AgUiEvent[]): Generator<AgUiEvent> {
    const given = [...this.#given];
    const folded: AgUiEvent[] = [];
    for (const chunk of whole) {
      if (isResult(chunk)) {
        yield* this.#once(chunk);
        continue;
      }
      putFolded(folded, chunk);
      const rest = restOf(chunk, given[folded.length - 1], folded.at(-1));
      if (rest === undefined) continue;
      putFolded(this.#given, rest);
      yield rest;
    }
  }
}

/** @param had what was given at its place @param now what is there with this event */
function restOf(chunk: AgUiEvent, had: AgUiEvent | undefined, now: AgUiEvent | undefined): AgUiEvent | undefined {
  if (had === undefined) return chunk;
  const [text, before, after] = [chunk, had, now].map((each) => each && textOfGrowing(each));
  if (text === undefined || before === undefined || after === undefined || after.length <= before.length)
    return undefined;
  const delta = text.slice(Math.max(0, text.length - (after.length - before.length)));
  return event(chunk.type, { ...fieldsOf(chunk), delta });
}
