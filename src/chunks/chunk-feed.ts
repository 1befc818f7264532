import type { Codec } from '../api/definition.ts';
import { dropExcess } from '../client/excess.ts';
import { fieldsOf, textOf, type Fields } from '../client/fields.ts';
import { ChunkLog, type ChunkLogHost } from './chunk-log.ts';

/** Streams of one thread, as in the client. */
const MAX_STREAMS = 256;

/** The streams of chunks of one thread. */
export class ChunkFeed {
  readonly #host: ChunkLogHost;
  readonly #codecs: ReadonlyMap<string, Codec>;
  readonly #logs = new Map<string, ChunkLog>();

  constructor(host: ChunkLogHost, codecs: ReadonlyMap<string, Codec>) {
    this.#host = host;
    this.#codecs = codecs;
  }

  /** Whether it has all of these codecs. */
  reads(codecs: ReadonlyMap<string, Codec>): boolean {
    return [...codecs].every(([name, codec]) => this.#codecs.get(name) === codec);
  }

  logOf(streamId: string): ChunkLog {
    let log = this.#logs.get(streamId);
    if (log !== undefined) return log;
    log = new ChunkLog(this.#host);
    this.#logs.set(streamId, log);
    dropExcess(this.#logs, MAX_STREAMS);
    return log;
  }

  /** The stream is over: another one with its id begins anew. */
  end(streamId: string, log: ChunkLog): void {
    log.end();
    if (this.#logs.get(streamId) === log) this.#logs.delete(streamId);
  }

  /** False for a frame that does not follow. */
  receive(frame: Fields): boolean {
    const streamId = textOf(frame['s']);
    const codec = this.#codecs.get(textOf(frame['cd']) ?? '');
    if (streamId === undefined || codec === undefined) return false;
    // without its beginning, a stream cannot be read
    if (frame['at'] !== 0 && !this.#logs.has(streamId)) return false;
    const log = this.logOf(streamId);
    return frame['n'] === undefined ? log.receive(frame, codec) : log.receivePiece(frame, codec);
  }

  /** A join of the thread, with codecs and positions. */
  joining(join: Fields): Fields {
    const known = fieldsOf(join['s']);
    const at = (id: string, text: unknown): unknown =>
      this.#logs.get(id)?.codec === undefined ? text : this.#logs.get(id)?.place;
    const s = Object.fromEntries(Object.entries(known).map(([id, text]) => [id, at(id, text)]));
    return { ...join, ...(join['s'] === undefined ? {} : { s }), codecs: [...this.#codecs.keys()], late: true };
  }
}
