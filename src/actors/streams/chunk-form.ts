import type { Codec } from '../../api/definition.ts';
import { isProvablySmall } from '../../infra/serialization/slicer/slicer.ts';
import { encodeAround, encodeText } from '../../infra/wire/frames.ts';
import type { ChunkFold } from './chunk-fold.ts';
import { foldAll, MAX_FOLD_SIZE } from './folding.ts';
import type { FrameBytes, StreamForm } from './stream-form.ts';

/** Bytes of JSON up to which a chunk is small: native code makes them in a tenth of a millisecond. */
export const SMALL_BYTES = 64 * 1024;

/** Newest folds that stay as their windows had them, so that connections a little behind go on where they are: 5 s at 40 ms. */
const KEPT_FOLDS = 128;

/** The form of the chunks of a codec of the application. A position is a chunk, and a reader within a fold begins anew. */
export const chunkForm = (codec: Codec): StreamForm => ({
  codec,
  name: codec.name,
  isWholeInEnd: false,
  keptWindows: KEPT_FOLDS,
  windowsTogether: KEPT_FOLDS,
  maxFoldSize: MAX_FOLD_SIZE,
  limitsOf: ({ maxBytes, maxChunks }) => ({ maxSize: maxBytes, maxChunks, unit: 'bytes' }),
  readSource: (value) => value,
  isSmall: (chunk) => isProvablySmall(chunk, SMALL_BYTES),
  lengthOf: () => 1,
  heldBack: () => 0,
  resumeWithin: () => 0,
  unitsFrom: ({ units }) => units,
  settle: (folds, pins) => foldAll(codec, folds, new Set(pins())),
  frame: ({ head, at, to, folds, late }) => {
    const left = late.length === 0 ? '' : `,"late":[${late.join()}]`;
    return bytesOf(`${head},"at":${at},"to":${to}${left},"d":[`, folds);
  },
  replicaOf: (folds) => folds.map(({ replica }) => replica),
  end(folds, _, aborted) {
    // folded to the end, so that a codec that ends in a list ends in a short one
    const message: unknown = codec.end(foldAll(codec, folds, NO_PINS).map(({ chunk }) => chunk));
    return aborted !== undefined && typeof message === 'object' && message !== null ? { ...message, aborted } : message;
  },
});

/** The JSON of big chunks stays where it is. */
function bytesOf(head: string, folds: readonly ChunkFold[]): FrameBytes {
  if (folds.every(({ big }) => big === undefined)) {
    const { pieces, bytes } = encodeText(`${head}${folds.map(({ json }) => json).join()}]}`);
    return { piece: pieces[0] ?? [], bytes };
  }
  const parts = folds.flatMap(({ shared }, index) => (index === 0 ? shared : [COMMA, ...shared]));
  return encodeAround(Buffer.from(head), parts, ']}');
}

const NO_PINS: ReadonlySet<number> = new Set();
const COMMA = Buffer.from(',');
