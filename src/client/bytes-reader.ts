import { PART_COST } from './part-assembly.ts';
import { fieldsOf, isText, type Fields } from './fields.ts';
import { parseJson } from './frames.ts';

/** A message of bytes of which not all parts have come. */
interface Unfinished {
  readonly id: unknown;
  readonly slices: Uint8Array[];
  length: number;
}

/**
 * Reads the frames that have bytes, of all sockets of a client. What the client gets has a `Uint8Array` as `d`. It counts the parts of a
 * big message itself, so that it goes on after a reconnect; their bytes are here, and come with the last one.
 */
export class BytesReader {
  readonly #maxLength: number;
  readonly #unfinished = new Map<unknown, Unfinished>();

  /** @param maxLength `maxMessageBytes` of the client */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /**
   * The frame in what a socket has received: the text as it is, or an object; undefined if it is malformed.
   * @param isRead whether this socket's frames of a thread reach the client: no others count
   */
  read(data: unknown, isRead: (threadId: unknown) => boolean): unknown {
    if (isText(data)) {
      const isPlain = this.#unfinished.size === 0 && !data.includes('"enc":"base64"');
      return isPlain ? data : this.#take(fieldsOf(parseJson(data)), isRead);
    }
    if (!(data instanceof ArrayBuffer)) return undefined;
    const frame = new Uint8Array(data);
    return this.#take({ ...headerOf(frame), d: frame.slice(frame.indexOf(0) + 1) }, isRead);
  }

  /** The client reads the thread no more. */
  forget(threadId: unknown): void {
    this.#unfinished.delete(threadId);
  }

  #take(frame: Fields, isRead: (threadId: unknown) => boolean): unknown {
    const { t, th, o, ahead, l } = frame;
    const whole = decoded(frame);
    // a part that was on its way when the client left
    if (!isRead(th)) return t === 'part' ? { ...frame, d: '' } : whole;
    if (t === 'part') return whole['d'] instanceof Uint8Array ? this.#part(whole, whole['d']) : this.#drop(th, frame);
    if (t === 'page' && Array.isArray(l)) return { ...frame, l: l.map((entry) => decoded(fieldsOf(entry))) };
    // another message in its place, or what ends the thread
    if ((o !== undefined && ahead !== true) || t === 'gap' || t === 'left') return this.#drop(th, whole);
    return whole;
  }

  #part(frame: Fields, slice: Uint8Array): Fields {
    const { th, id, n, of } = frame;
    if (n === 0) this.#unfinished.set(th, { id, slices: [], length: 0 });
    const unfinished = this.#unfinished.get(th);
    const isNext = unfinished?.id === id && (unfinished?.slices.length === n || unfinished?.slices.length === 0);
    // the client counts by itself, and may have ignored a part, or forgotten none: no message has so many, so it asks anew
    if (unfinished === undefined || !isNext) return this.#drop(th, { ...frame, of: Number.MAX_SAFE_INTEGER, d: '' });
    const { slices } = unfinished;
    unfinished.length += slice.length + PART_COST;
    if (unfinished.length <= this.#maxLength) slices.push(slice);
    else slices.length = 0;
    if (slices.length === of) return this.#drop(th, { ...frame, t: 'msg', d: joinBytes(slices) });
    return { ...frame, d: blank(slice.length) };
  }

  #drop<Passed>(threadId: unknown, frame: Passed): Passed {
    this.#unfinished.delete(threadId);
    return frame;
  }
}

/** The header of a binary frame: ASCII, up to the first zero byte. */
export function headerOf(frame: Uint8Array): Fields {
  const header = frame.subarray(0, Math.max(0, frame.indexOf(0)));
  return fieldsOf(parseJson(String.fromCharCode(...header)));
}

/** With bytes instead of base64; `d` is undefined if it is none. */
function decoded(fields: Fields): Fields {
  const { enc, d } = fields;
  if (enc !== 'base64' || !isText(d)) return fields;
  try {
    // in parts, the text is in quotes
    return { ...fields, d: Uint8Array.from(atob(d.replaceAll('"', '')), (unit) => unit.charCodeAt(0)) };
  } catch {
    return { ...fields, d: undefined };
  }
}

/** One after the other. */
export function joinBytes(list: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(list.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of list) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}

let lastBlank = '';

/** A text of so many units, which the client counts: one for all parts of the same size. */
function blank(length: number): string {
  if (lastBlank.length !== length) lastBlank = ' '.repeat(length);
  return lastBlank;
}
