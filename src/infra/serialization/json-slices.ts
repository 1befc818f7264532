/** JSON up to this length is parsed in one go: 3 ms at most, where it is all brackets. In bytes, as all that follows. */
const WHOLE_BYTES = 48 * 1024;

/** JSON that is parsed before its nesting is known: V8 takes 40 ms for the levels that 128 KiB may hold. */
const SMALL_BYTES = 4 * 1024;

/** Bytes that are looked at between two looks at the clock. */
const LOOK_EVERY = 16 * 1024;

/** A long text is parsed in pieces of so many bytes. */
const TEXT_BYTES = 256 * 1024;

/** Quotes within one text that are looked at between two looks at the clock. */
const QUOTES_PER_LOOK = 4 * 1024;

/** Bytes of a text in which its end is looked for without a call of the native search, which costs as much. */
const NEAR_BYTES = 32;

/** The longest key, number, row of backslashes, or space between two elements: no client that means well sends more, and each would take one go. */
const MOST_TOKEN_BYTES = 16 * 1024;

/** Members of one object: V8 moves all of them at once when it makes room for more. */
const MOST_MEMBERS = 32 * 1024;

/** How long a slice may take before its last piece, in milliseconds: the loop is held for 5 ms at most. */
const SLICE_MS = 2;

/** Nesting beyond which JSON is refused, as in frames of the hub's own protocol. */
const MOST_LEVELS = 128;

/** Where a value begins and ends. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Parses JSON of a client without holding the event loop: the elements of a big value are found and parsed one by one, between turns. It works
 * on the bytes: of a text of 16 MiB, the decoding alone would hold the loop for long, because V8 makes it one string in one go.
 * @param most bytes of JSON of some members of the outermost object, which are looked at in one go afterwards
 * @throws SyntaxError, also for JSON that is nested too deep, or has a longer member of these
 * @throws TypeError for what is no UTF-8
 */
export async function parseInSlices(
  data: Uint8Array,
  nextTurn: () => Promise<void>,
  most: Readonly<Record<string, number>> = {},
): Promise<unknown> {
  const slicer = new Slicer(Buffer.from(data.buffer, data.byteOffset, data.length), nextTurn, most);
  return slicer.parse({ start: 0, end: data.length }, 0);
}

class Slicer {
  readonly #bytes: Buffer;
  readonly #nextTurn: () => Promise<void>;
  readonly #most: Readonly<Record<string, number>>;
  // a piece of a text may begin with U+FEFF, which is a character there
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #sliceEndsAt = performance.now() + SLICE_MS;

  constructor(bytes: Buffer, nextTurn: () => Promise<void>, most: Readonly<Record<string, number>>) {
    this.#bytes = bytes;
    this.#most = most;
    this.#nextTurn = nextTurn;
  }

  async parse(span: Span, level: number): Promise<unknown> {
    if (level > MOST_LEVELS) throw new SyntaxError('nested too deep');
    const { start, end } = this.#trimmed(span);
    const first = this.#bytes[start];
    // the levels of an element are counted where it is found
    const isShort = end - start <= (level === 0 ? SMALL_BYTES : WHOLE_BYTES);
    if (isShort) return this.#whole({ start, end });
    if (first === QUOTE) return this.#longText({ start, end });
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET) throw new SyntaxError('a value is too long');
    const last = this.#bytes[end - 1];
    if (last !== (first === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET)) throw new SyntaxError('an element has no end');
    const elements = await this.#elements({ start: start + 1, end: end - 1 });
    return first === OPEN_BRACKET ? this.#array(elements, level) : this.#object(elements, level);
  }

  async #whole({ start, end }: Span): Promise<unknown> {
    await this.#breathe();
    const value: unknown = JSON.parse(this.#text(start, end));
    return value;
  }

  /** The pieces between two escapes. */
  async #longText({ start, end }: Span): Promise<string> {
    if (this.#bytes[end - 1] !== QUOTE) throw new SyntaxError('a text has no end');
    let text = '';
    for (let at = start + 1; at < end - 1;) {
      const to = at + TEXT_BYTES >= end - 1 ? end - 1 : this.#betweenCharacters(at, at + TEXT_BYTES);
      await this.#breathe();
      const piece: unknown = JSON.parse(`"${this.#text(at, to)}"`);
      if (typeof piece !== 'string') throw new SyntaxError('a text is none');
      // not joined: V8 would copy all of it in one go
      text += piece;
      at = to;
    }
    return text;
  }

  /** This index, or that of the character or the escape that it is in. */
  #betweenCharacters(from: number, index: number): number {
    let at = index;
    while (at > index - 3 && isContinuation(this.#bytes[at])) at--;
    const last = this.#bytes.lastIndexOf(BACKSLASH, at - 1);
    // the longest has six bytes: \u0000
    if (last < at - 6 || last < from) return at;
    let slashes = 0;
    while (last - slashes >= from && this.#bytes[last - slashes] === BACKSLASH) slashes++;
    const isEscape = slashes % 2 === 1;
    const length = this.#bytes[last + 1] === SMALL_U ? 6 : 2;
    return isEscape && last + length > at ? last : at;
  }

  async #array(elements: readonly Span[], level: number): Promise<unknown[]> {
    const values: unknown[] = [];
    // small neighbours are parsed together
    for (let i = 0; i < elements.length;) {
      const { start = 0 } = elements[i] ?? {};
      let next = i + 1;
      while (next < elements.length && (elements[next]?.end ?? 0) - start <= WHOLE_BYTES) next++;
      const { end = start } = elements[next - 1] ?? {};
      if (end - start > WHOLE_BYTES) values.push(await this.parse({ start, end }, level + 1));
      else {
        await this.#breathe();
        const some: unknown = JSON.parse(`[${this.#text(start, end)}]`);
        if (!Array.isArray(some) || some.length !== next - i) throw new SyntaxError('not an array');
        for (const value of some) values.push(value);
      }
      i = next;
    }
    return values;
  }

  async #object(members: readonly Span[], level: number): Promise<object> {
    if (members.length > MOST_MEMBERS) throw new SyntaxError('an object has too many members');
    const object: Record<string, unknown> = {};
    for (const { start, end } of members) {
      const colon = this.#colonIn(start, end);
      const key: unknown = JSON.parse(this.#text(start, colon));
      if (typeof key !== 'string') throw new SyntaxError('a key is no text');
      if (level === 0 && end - colon > (this.#most[key] ?? Infinity)) throw new SyntaxError('a member is too long');
      const value = await this.parse({ start: colon + 1, end }, level + 1);
      // a name like __proto__ is a field as any other, as JSON.parse has it
      Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return object;
  }

  #colonIn(start: number, end: number): number {
    const from = this.#trimmed({ start, end }).start;
    let at = from + 1;
    while (at < end && this.#bytes[at] !== QUOTE) {
      at += this.#bytes[at] === BACKSLASH ? 2 : 1;
      if (at - from > MOST_TOKEN_BYTES) throw new SyntaxError('a key is too long');
    }
    let colon = at + 1;
    while (isSpace(this.#bytes[colon]) && colon - at < MOST_TOKEN_BYTES) colon++;
    if (this.#bytes[colon] !== COLON || colon >= end) throw new SyntaxError('a member has no value');
    return colon;
  }

  /** The elements between the commas of this level. */
  async #elements(span: Span): Promise<readonly Span[]> {
    const bytes = this.#bytes;
    const spans: Span[] = [];
    let { start } = span;
    let level = 0;
    let lookAt = start + LOOK_EVERY;
    for (let at = start; at < span.end; at++) {
      if (at >= lookAt) {
        lookAt = at + LOOK_EVERY;
        await this.#breathe();
      }
      const byte = bytes[at];
      if (byte === QUOTE) {
        let close = this.#endOfText(at, span.end);
        for (; close < 0; close = this.#endOfText(-close, span.end)) await this.#breathe();
        at = close;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) level++;
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) level--;
      else if (byte === COMMA && level === 0) {
        spans.push({ start, end: at });
        start = at + 1;
      }
      if (level < 0 || level > MOST_LEVELS) throw new SyntaxError('brackets do not match');
    }
    const rest = this.#trimmed({ start, end: span.end });
    if (rest.end > rest.start) spans.push(rest);
    else if (spans.length > 0) throw new SyntaxError('an element is missing');
    return spans;
  }

  /** The closing quote; negative is the quote to go on from. */
  #endOfText(from: number, end: number): number {
    let at = from;
    for (let looks = 0; ; looks++) {
      if (looks === QUOTES_PER_LOOK) return -at;
      at = this.#nextQuote(at + 1);
      if (at < 0 || at >= end) throw new SyntaxError('a text has no end');
      let slashes = 0;
      while (slashes <= MOST_TOKEN_BYTES && this.#bytes[at - 1 - slashes] === BACKSLASH) slashes++;
      if (slashes > MOST_TOKEN_BYTES) throw new SyntaxError('too many backslashes');
      if (slashes % 2 === 0) return at;
    }
  }

  #nextQuote(from: number): number {
    for (let at = from; at < from + NEAR_BYTES; at++) if (this.#bytes[at] === QUOTE) return at;
    return this.#bytes.indexOf(QUOTE, from + NEAR_BYTES);
  }

  #trimmed({ start, end }: Span): Span {
    let [from, to] = [start, end];
    while (from < to && from - start <= MOST_TOKEN_BYTES && isSpace(this.#bytes[from])) from++;
    while (to > from && end - to <= MOST_TOKEN_BYTES && isSpace(this.#bytes[to - 1])) to--;
    if (from - start > MOST_TOKEN_BYTES || end - to > MOST_TOKEN_BYTES) throw new SyntaxError('too much space');
    return { start: from, end: to };
  }

  #text(start: number, end: number): string {
    return this.#decoder.decode(this.#bytes.subarray(start, end));
  }

  async #breathe(): Promise<void> {
    if (performance.now() < this.#sliceEndsAt) return;
    await this.#nextTurn();
    this.#sliceEndsAt = performance.now() + SLICE_MS;
  }
}

const [QUOTE, COMMA, COLON, BACKSLASH, SMALL_U] = [0x22, 0x2c, 0x3a, 0x5c, 0x75];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const SPACE: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d]);

const isSpace = (byte: number | undefined): boolean => SPACE.has(byte);

/** A byte of UTF-8 that is not the first one of its character. */
const isContinuation = (byte = 0): boolean => (byte & 0xc0) === 0x80;
