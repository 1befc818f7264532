import { encodeText } from '../../infra/wire/frames.ts';
import type { ChunkFold } from './chunk-fold.ts';
import type { FrameBytes, StreamForm } from './stream-form.ts';

/** Frames cached until the next window. Nearly all connections are at one position, and reconnecting clients together at another. */
const CACHED_FRAMES = 8;

/** One frame with content of a stream, ready to be written to any number of sockets. */
export interface StreamFrame extends FrameBytes {
  /** The position after its content. */
  readonly to: number;
}

/** The folds of one frame. */
export interface ContentPage {
  readonly at: number;
  readonly to: number;
  readonly folds: readonly ChunkFold[];
  /** It is no replay: transient chunks are in it. */
  readonly isLive: boolean;
}

/** The frames of one stream, which all connections at the same position share. */
export class StreamFrames {
  readonly #form: StreamForm;
  readonly #head: string;
  readonly #frames = new Map<number, StreamFrame>();
  /** Those for clients that get big chunks late. */
  readonly #passing = new Map<number, StreamFrame>();

  constructor(threadId: string, id: string, form: StreamForm) {
    const [type, codec] = form.name === undefined ? ['tok', ''] : ['chunks', `,"cd":${JSON.stringify(form.name)}`];
    this.#head = `{"t":"${type}","th":${JSON.stringify(threadId)},"s":"${id}"${codec}`;
    this.#form = form;
  }

  /** A window is over. */
  clear(): void {
    this.#frames.clear();
    if (this.#passing.size > 0) this.#passing.clear();
  }

  /** The frame for this position, if another connection has needed it. */
  known(from: number, isPassing = false): StreamFrame | undefined {
    return (isPassing ? this.#passing : this.#frames).get(from);
  }

  /** @param isPassing without big chunks that come later; it has their positions */
  make(from: number, { at, to, folds: all, isLive }: ContentPage, isPassing: boolean): StreamFrame {
    const frames = isPassing ? this.#passing : this.#frames;
    const heard = isLive ? all : all.filter(({ isTransient }) => !isTransient);
    const folds = isPassing ? heard.filter(({ order }) => order !== 'late') : heard;
    const late = isPassing ? all.filter(({ order }) => order === 'late').map((fold) => fold.at) : NONE;
    const { piece, bytes } = this.#form.frame({ head: this.#head, at, to, folds, late });
    const frame = { piece, bytes, to };
    // drop the oldest: a frame that nearly all need is soon made again, a frame for one connection is not needed twice
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

function bytesOf(json: string): Uint8Array {
  const [[bytes = EMPTY] = []] = encodeText(json).pieces;
  return bytes;
}

const EMPTY = new Uint8Array(0);
const NONE: readonly number[] = [];
