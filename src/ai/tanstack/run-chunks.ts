import { updatesOf } from '../../chunks/index.ts';
import type { ClientStream } from '../../client/index.ts';
import { fieldsOf } from '../chunk.ts';
import {
  agUiCodec,
  endOf,
  event,
  isRun,
  putFolded,
  textOfGrowing,
  type AgUiEvent,
  type LoggedRun,
} from './ag-ui-codec.ts';

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
  let given: AgUiEvent[] = [];
  if (stream !== undefined) {
    for await (const { chunks, isReset } of updatesOf(stream, agUiCodec)) {
      if (isReset) {
        yield* missing(given, chunks);
        given = [...chunks];
        continue;
      }
      for (const chunk of chunks) putFolded(given, chunk);
      yield* chunks;
    }
  }
  const data = final() ?? (await stream?.done)?.data;
  const run = isRun(data) ? data : final();
  if (run === undefined) {
    yield event('RUN_ERROR', { runId, message: 'The response is not available any more.' });
    return;
  }
  yield* missing(given, run.chunks);
  const end = endOf(run.chunks, runId, run.aborted);
  if (end !== undefined) yield end;
}

/** What the whole has more. */
function* missing(given: readonly AgUiEvent[], whole: readonly AgUiEvent[]): Generator<AgUiEvent> {
  for (const [index, chunk] of whole.entries()) {
    const had = given[index];
    const [before, now] = [had && textOfGrowing(had), textOfGrowing(chunk)];
    if (had === undefined) yield chunk;
    else if (before !== undefined && now !== undefined && now.length > before.length)
      yield event(chunk.type, { ...fieldsOf(chunk), delta: now.slice(before.length) });
  }
}
