/** A message of the simulator: its length and its content follow from its number and `size`. */
interface Filled {
  readonly n: number;
  /** Characters of the filler, in eight digits, so that each message has the same overhead. */
  readonly size: string;
  readonly filler: string;
}

/** Repeats itself nowhere, so that a piece that is missing, or comes twice, shows. */
const NARROW = { make: (i: number): string => `${i.toString(36)}~`, text: '' };

/** Characters of one to four bytes in UTF-8, and some that JSON escapes. */
const WIDE = { make: (i: number): string => `${i.toString(36)}é"€\\😀\n`, text: '' };

/** Messages with the number before one that four divides have wide characters: their bytes are more than their characters. */
const isWide = (n: number): boolean => n % 4 === 3;

const EMPTY_BYTES = JSON.stringify(filled(0, 0)).length - 1;

/** A message with as many characters. */
export function filled(n: number, size: number): Filled {
  return { n, size: String(size).padStart(8, '0'), filler: fillerOf(n, size) };
}

/** A message whose JSON has exactly so many bytes. It has to have room for the fields, and its characters are narrow. */
export function filledTo(n: number, bytes: number): Filled {
  const size = bytes - EMPTY_BYTES - String(n).length;
  return { n, size: String(size).padStart(8, '0'), filler: pieceOf(NARROW, n, size) };
}

function fillerOf(n: number, size: number): string {
  return pieceOf(isWide(n) ? WIDE : NARROW, n, size);
}

function pieceOf(pattern: typeof NARROW, n: number, size: number): string {
  const from = n % 64;
  if (pattern.text.length < from + size) {
    const pieces = [];
    for (let length = 0, i = 0; length < 2 * (from + size); i++)
      length += pieces[pieces.push(pattern.make(i)) - 1]?.length ?? 0;
    pattern.text = pieces.join('');
  }
  return pattern.text.slice(from, from + size);
}

/** A message of bytes with this number, and so many bytes after it and its length. */
export function bytesOf(n: number, size: number): Uint8Array {
  const bytes = Buffer.alloc(8 + size);
  bytes.writeUInt32BE(n, 0);
  bytes.writeUInt32BE(size, 4);
  bytes.write(pieceOf(NARROW, n, size), 8, 'latin1');
  return bytes;
}

/** What is wrong with the content of a message, as a client has it; undefined for one that is right, and for one that is none of these. */
export function wrongWith(data: unknown): string | undefined {
  if (data instanceof Uint8Array) return wrongBytes(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  // other clients get bytes as base64
  if (typeof data === 'string') return wrongBytes(Buffer.from(data, 'base64'));
  if (!isFilled(data)) return undefined;
  const { n, size, filler } = data;
  const isRight =
    filler.length === Number(size) &&
    (filler === fillerOf(n, filler.length) || filler === pieceOf(NARROW, n, filler.length));
  return isRight ? undefined : `${n} has a content of ${filler.length} characters that was not sent, of ${size}`;
}

function wrongBytes(bytes: Buffer): string | undefined {
  if (bytes.length < 8) return `${bytes.length} bytes were not sent`;
  const n = bytes.readUInt32BE(0);
  const size = bytes.length - 8;
  const isRight = size === bytes.readUInt32BE(4) && bytes.toString('latin1', 8) === pieceOf(NARROW, n, size);
  return isRight ? undefined : `${n} has ${size} bytes that were not sent, of ${bytes.readUInt32BE(4)}`;
}

function isFilled(data: unknown): data is Filled {
  return (
    typeof data === 'object' && data !== null && 'filler' in data && typeof data.filler === 'string' && 'n' in data
  );
}
