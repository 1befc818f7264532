import type { Codec } from '../../api/definition.ts';
import { InvalidOptionError } from '../../infra/errors.ts';
import { encodeText } from '../../infra/wire/frames.ts';
import { ChunkFold } from './chunk-fold.ts';
import { MAX_FOLD_SIZE } from './folding.ts';
import { readPiece } from './source-parts.ts';
import type { StreamForm } from './stream-form.ts';

/** Text: the codec whose fold is concatenation. */
const textCodec: Codec<string> = {
  name: 'text',
  fold: (a, b) => a + b,
  sizeOf(text) {
    if (typeof text === 'string') return text.length;
    throw new InvalidOptionError({ option: 'text', value: text, expected: 'a text' });
  },
  end: (texts) => ({ text: texts.join('') }),
};

/**
 * The form of text. A position is a UTF-16 unit, and text can be cut between any two characters: no reader begins anew, and none pins a fold.
 * Frames are those of version 0.1.
 */
export const TEXT: StreamForm = {
  codec: textCodec,
  name: undefined,
  isWholeInEnd: true,
  keptWindows: 0,
  windowsTogether: 32,
  maxFoldSize: Infinity,
  limitsOf: ({ maxLength }) => ({ maxSize: maxLength, maxChunks: Infinity, unit: 'units' }),
  readSource: readPiece,
  isSmall: () => true,
  lengthOf: (text) => textCodec.sizeOf(stringOf(text)),
  /** Half of a surrogate pair waits for the other half. */
  heldBack: (text) => (isHigh(stringOf(text), -1) ? 1 : 0),
  resumeWithin({ at: start, chunk }, at) {
    const text = stringOf(chunk);
    return isLow(text, at - start) && isHigh(text, at - start - 1) ? at - 1 : at;
  },
  cut(folds, from, to) {
    const [first, last] = [folds[0], folds.at(-1)];
    if (first === undefined || last === undefined || (from <= first.at && to >= last.to)) return folds;
    return folds.map((fold) => (from <= fold.at && to >= fold.to ? fold : partOf(fold, from, to)));
  },
  unitsFrom: ({ at, to }, from) => to - Math.max(at, from),
  settle(folds) {
    const all: ChunkFold[] = [];
    let group: string[] = [];
    let [at, to] = [folds[0]?.at ?? 0, folds[0]?.at ?? 0];
    const close = (): void => {
      // flat, where a sum would keep its parts
      if (group.length > 0) all.push(foldOf(at, group.join('')));
      group = [];
      at = to;
    };
    for (const fold of folds) {
      if (fold.to - at > MAX_FOLD_SIZE) close();
      group.push(stringOf(fold.chunk));
      to = fold.to;
    }
    close();
    return all;
  },
  frame: ({ head, at, folds }) => {
    const { pieces, bytes } = encodeText(`${head},"at":${at},"d":${JSON.stringify(joined(folds))}}`);
    return { piece: pieces[0] ?? [], bytes };
  },
  replicaOf: joined,
  end: (folds, fields, aborted) => ({ ...fields, ...Object(textCodec.end([joined(folds)])), aborted }),
};

function joined(folds: readonly ChunkFold[]): string {
  const [first] = folds;
  return folds.length === 1 && first !== undefined
    ? stringOf(first.chunk)
    : folds.map(({ chunk }) => stringOf(chunk)).join('');
}

function partOf({ at, chunk }: ChunkFold, from: number, to: number): ChunkFold {
  const start = Math.max(from, at);
  return foldOf(start, stringOf(chunk).slice(start - at, to - at));
}

const foldOf = (at: number, chunk: string): ChunkFold =>
  new ChunkFold({ at, to: at + chunk.length, chunk, bytes: chunk.length, isTransient: false });

const stringOf = (chunk: unknown): string => (typeof chunk === 'string' ? chunk : '');

/** The unit is the first half of a surrogate pair; a negative index counts from the end. */
function isHigh(text: string, index: number): boolean {
  const unit = text.charCodeAt(index < 0 ? text.length + index : index);
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** The second half. */
function isLow(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
