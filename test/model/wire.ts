import type { Piece } from '../../src/api/socket.ts';

/** A frame, as far as the model has to know it. */
export type Word =
  | { readonly t: 'joined'; readonly th: string; readonly pos: string; readonly recovered: number }
  | { readonly t: 'gap'; readonly th: string; readonly why: string; readonly pos: string }
  | Message
  | Part
  | { readonly t: 'other' };

export interface Message {
  readonly t: 'msg';
  readonly th: string;
  /** 0 for a volatile one. */
  readonly o: number;
  readonly id: string;
  readonly isAhead: boolean;
}

/** A piece of a big message; the last one is followed by the word `msg`. */
export interface Part {
  readonly t: 'part';
  readonly th: string;
  readonly o: number;
  readonly id: string;
  readonly n: number;
  readonly of: number;
}

const PART = /^\{"t":"part","th":"([^"]+)","o":(\d+),"id":"([^"]*)","n":(\d+),"of":(\d+),"d":/;

const MESSAGE = /^\{"t":"msg","th":"([^"]+)",(?:"o":(\d+),)?("ahead":true,)?"id":"([^"]*)","ts":\d+,"d":/;

/** What a frame says, from its text or the beginning of it. */
export function wordsOf(text: string): readonly Word[] {
  const message = MESSAGE.exec(text);
  if (message !== null) {
    const [, th = '', o = '0', ahead, id = ''] = message;
    return [{ t: 'msg', th, o: Number(o), id, isAhead: ahead !== undefined }];
  }
  const part = PART.exec(text);
  if (part !== null) {
    const [, th = '', o, id = '', n, of] = part;
    const word: Part = { t: 'part', th, o: Number(o), id, n: Number(n), of: Number(of) };
    return word.n + 1 < word.of ? [word] : [word, { t: 'msg', th, o: word.o, id, isAhead: false }];
  }
  return read(JSON.parse(text));
}

function read(frame: unknown): readonly Word[] {
  if (!isRecord(frame)) return [{ t: 'other' }];
  const { t, th, pos, recovered, why, m } = frame;
  if (t === 'batch' && Array.isArray(m)) {
    return m.filter(isRecord).map(({ o, id, ahead }) => {
      return { t: 'msg', th: String(th), o: Number(o ?? 0), id: String(id), isAhead: ahead === true };
    });
  }
  if (t === 'joined') return [{ t, th: String(th), pos: String(pos), recovered: Number(recovered) }];
  if (t === 'gap') return [{ t, th: String(th), why: String(why), pos: String(pos) }];
  return [{ t: 'other' }];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Bytes of a message that are enough to tell what it is. */
const LOOKED_AT = 2_048;

/** A WebSocket fragment: whether it begins and ends a message, and the beginning of its payload. */
export interface Fragment {
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Header included. */
  readonly size: number;
  readonly text: string;
}

/** The fragments in one write: a big one, in several parts, or any number of small ones in a row (RFC 6455 section 5.2). */
export function fragmentsOf(piece: Piece): Fragment[] {
  const [only] = piece;
  if (piece.length !== 1 || only === undefined) {
    return [readFragment(Buffer.concat(piece.map((part) => part.subarray(0, LOOKED_AT))))];
  }
  const fragments: Fragment[] = [];
  for (let rest = Buffer.from(only.buffer, only.byteOffset, only.length); rest.length > 0;) {
    const fragment = readFragment(rest);
    fragments.push(fragment);
    rest = rest.subarray(fragment.size);
  }
  return fragments;
}

function readFragment(bytes: Buffer): Fragment {
  const first = bytes.readUInt8(0);
  const short = bytes.readUInt8(1);
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const text = bytes.toString('utf8', start, start + Math.min(length, LOOKED_AT));
  return { isFirst: (first & 0x0f) === 1, isLast: first >= 0x80, size: start + length, text };
}

export interface ReadPosition {
  readonly epoch: string;
  readonly offset: number;
  readonly id: string;
}

export function readPosition(text: string): ReadPosition {
  const [epoch = '', offset = '', ...id] = text.split('.');
  return { epoch, offset: Number(offset), id: id.join('.') };
}
