import type { Codec } from '../../src/define/index.ts';

/** `{ n }` of a message, or what stands for it in one of bytes, also as the base64 that other clients get; NaN where it is none of ours. */
export function numberOf(data: unknown): number {
  if (typeof data === 'string') return numberOf(Buffer.from(data, 'base64'));
  if (data instanceof Uint8Array)
    return data.length < 4 ? NaN : new DataView(data.buffer, data.byteOffset).getUint32(0);
  return typeof data === 'object' && data !== null && 'n' in data && typeof data.n === 'number' ? data.n : NaN;
}

/** What the body of a log has: JSON, or a zero and bytes. */
export function contentOf(body: Buffer): unknown {
  return body[0] === 0 ? body.subarray(1) : JSON.parse(body.toString());
}

/** A chunk of a stream: text, which folds, a mark, which does not, or a signal, which is not replayed. */
export interface SimChunk {
  /** The number of its stream. */
  readonly n: number;
  readonly kind: 'text' | 'mark' | 'signal';
  readonly text: string;
}

/** The piece at this place of a stream of text. */
export const textAt = (n: number, place: number): string => `${n}.${place} `;

/** The chunk at this place of a stream. */
export const chunkAt = (n: number, place: number): SimChunk => ({
  n,
  kind: place % 5 === 3 ? 'mark' : place % 5 === 4 ? 'signal' : 'text',
  text: `${place} `,
});

export const simCodec: Codec<SimChunk, { readonly n: number | undefined; readonly chunks: readonly SimChunk[] }> = {
  name: 'sim',
  fold: (a, b) => (a.kind === 'text' && b.kind === 'text' ? { ...a, text: a.text + b.text } : undefined),
  sizeOf: ({ text }) => text.length,
  isTransient: ({ kind }) => kind === 'signal',
  end: (chunks) => ({ n: chunks[0]?.n, chunks }),
};

/** What a stream of text, or of chunks, has ended as; undefined for any other message. */
export function endOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  if ('text' in data) return String(data.text);
  return 'chunks' in data && Array.isArray(data.chunks) ? toldBy(data.chunks) : undefined;
}

/** Chunks as one text, however they are folded. */
export const toldBy = (chunks: readonly SimChunk[]): string =>
  chunks.map(({ kind, text }) => (kind === 'signal' ? '' : kind === 'mark' ? `<${text}>` : text)).join('');
