import type { ClientStream } from '../../src/client/index.ts';
import { logOf } from '../../src/chunks/chunk-thread.ts';
import { chunkAt, textAt, toldBy } from './contents.ts';

/** A stream, as its publisher has written it so far. */
interface Written {
  readonly n: number;
  readonly isChunks: boolean;
  told: string;
  /** By position: how long it was then. */
  readonly lengths: number[];
}

/** What was written to each stream. What a viewer has of one is what it was at the position that the viewer says. */
export class StreamLedger {
  readonly #streams = new Map<string, Written>();

  begin(id: string, n: number, isChunks: boolean): void {
    this.#streams.set(id, { n, isChunks, told: '', lengths: [0] });
  }

  /** The chunk at this place was written. */
  wrote(id: string, place: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.told += stream.isChunks ? toldBy([chunkAt(stream.n, place)]) : textAt(stream.n, place);
    stream.lengths.push(stream.told.length);
  }

  /** What is wrong with what a viewer has now; undefined if it is right. */
  wrongIn(stream: ClientStream): string | undefined {
    const written = this.#streams.get(stream.id);
    const chunks = logOf(stream);
    if (written === undefined) return `stream ${stream.id} was never written`;
    const { told, lengths, isChunks } = written;
    if (!isChunks) return told.startsWith(stream.text) ? undefined : `'${stream.text}' of a text that is '${told}'`;
    // another build of the client has no chunks
    if (chunks?.codec === undefined) return undefined;
    const has = toldBy(chunks.chunks);
    const was = lengths[chunks.at];
    return was === has.length && told.startsWith(has)
      ? undefined
      : `'${has}' at ${chunks.at} of chunks that are '${told}'`;
  }

  /** What a reader of the stream has been given is no beginning of what was written. */
  isNoBeginning(id: string, given: string): boolean {
    return this.#streams.get(id)?.told.startsWith(given) !== true;
  }
}
