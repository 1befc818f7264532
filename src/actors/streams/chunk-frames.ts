import { encodeAround, encodeText } from '../../infra/wire/frames.ts';
import type { ChunkFold } from './chunk-fold.ts';
import type { StreamFrame } from './stream-content.ts';

/** Frames cached until the next window, as for text. */
const CACHED_FRAMES = 8;

/** The folds of one frame. */
export interface ChunkPage {
  readonly at: number;
  readonly to: number;
  readonly folds: readonly ChunkFold[];
  /** It is no replay: transient chunks are in it. */
  readonly isLive: boolean;
}

/** The frames of one stream of chunks, which all connections at the same position share. */
export class ChunkFrames {
  readonly #head: string;
  readonly #frames = new Map<number, StreamFrame>();
  /** Those for clients that get big chunks late. */
  readonly #passing = new Map<number, StreamFrame>();

  constructor(threadId: string, id: string, codec: string) {
    this.#head = `{"t":"chunks","th":${JSON.stringify(threadId)},"s":"${id}","cd":${JSON.stringify(codec)}`;
  }

  /** A window is over. */
  clear(): void {
    this.#frames.clear();
    this.#passing.clear();
  }

  /** @param isPassing without big chunks that come later; it has their positions */
  frame(from: number, isPassing: boolean, read: () => ChunkPage): StreamFrame {
    const frames = isPassing ? this.#passing : this.#frames;
    const known = frames.get(from);
    if (known !== undefined) return known;
    const { at, to, folds, isLive } = read();
    const late = isPassing ? folds.filter(({ order }) => order === 'late') : [];
    const written = folds.filter((fold) => (isLive || !fold.isTransient) && !late.includes(fold));
    const left = late.length === 0 ? '' : `,"late":[${late.map((fold) => fold.at).join()}]`;
    const frame = { ...frameOf(`${this.#head},"at":${at},"to":${to}${left},"d":[`, written), to };
    if (frames.size >= CACHED_FRAMES) frames.delete(frames.keys().next().value ?? from);
    frames.set(from, frame);
    return frame;
  }

  /** A piece of a big chunk. */
  piece(fold: ChunkFold, n: number): Uint8Array {
    const of = fold.big?.pieces ?? 1;
    return fold.piece(n, (d) => bytesOf(`${this.#head},"at":${fold.at},"n":${n},"of":${of},"d":${d}}`));
  }
}

/** The JSON of big chunks stays where it is. */
function frameOf(head: string, folds: readonly ChunkFold[]): Omit<StreamFrame, 'to'> {
  if (folds.every(({ big }) => big === undefined)) {
    const { pieces, bytes } = encodeText(`${head}${folds.map(({ json }) => json).join()}]}`);
    return { piece: pieces[0] ?? [], bytes };
  }
  const parts = folds.flatMap(({ shared }, index) => (index === 0 ? shared : [COMMA, ...shared]));
  return encodeAround(Buffer.from(head), parts, ']}');
}

function bytesOf(json: string): Uint8Array {
  const [[bytes = EMPTY] = []] = encodeText(json).pieces;
  return bytes;
}

const EMPTY = new Uint8Array(0);
const COMMA = Buffer.from(',');
