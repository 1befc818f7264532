/** Texts up to this length are parsed in one go: 3 ms at most, where they are all brackets. */
const WHOLE_UNITS = 48 * 1024;

/** Texts that are parsed before their nesting is known: V8 takes 40 ms for the levels that 128 KiB may hold. */
const SMALL_UNITS = 4 * 1024;

/** Units that are looked at between two looks at the clock. */
const LOOK_EVERY = 16 * 1024;

/** A long text is parsed in pieces of so many units. */
const TEXT_UNITS = 256 * 1024;

/** Quotes within one text that are looked at between two looks at the clock. */
const QUOTES_PER_LOOK = 4 * 1024;

/** The longest key, number, row of backslashes, or space between two elements: no client that means well sends more, and each would take one go. */
const MOST_TOKEN_UNITS = 16 * 1024;

/** Members of one object: V8 moves all of them at once when it makes room for more. */
const MOST_MEMBERS = 32 * 1024;

/** How long a slice may take, in milliseconds. */
const SLICE_MS = 3;

/** Nesting beyond which a text is refused, as in frames of the hub's own protocol. */
const MOST_LEVELS = 128;

/** Where a value of a big text begins and ends. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Parses a JSON text of a client without holding the event loop: of a big one, the elements are found and parsed one by one, between turns.
 * @param most units of JSON of some members of the outermost object, which are looked at in one go afterwards
 * @throws SyntaxError, also for a text that is nested too deep, or has a longer member of these
 */
export async function parseInSlices(
  text: string,
  nextTurn: () => Promise<void>,
  most: Readonly<Record<string, number>> = {},
): Promise<unknown> {
  const slicer = new Slicer(text, nextTurn, most);
  return slicer.parse({ start: 0, end: text.length }, 0);
}

/** Bytes of UTF-8 that are decoded in one go. */
const DECODED_BYTES = 512 * 1024;

/** The text of a frame, without holding the event loop. @throws TypeError for what is no UTF-8 */
export async function decodeInSlices(data: Uint8Array, nextTurn: () => Promise<void>): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  for (let at = 0; at < data.length; at += DECODED_BYTES) {
    if (at > 0) await nextTurn();
    text += decoder.decode(data.subarray(at, at + DECODED_BYTES), { stream: true });
  }
  return text + decoder.decode();
}

class Slicer {
  readonly #text: string;
  readonly #nextTurn: () => Promise<void>;
  readonly #most: Readonly<Record<string, number>>;
  #sliceEndsAt = performance.now() + SLICE_MS;

  constructor(text: string, nextTurn: () => Promise<void>, most: Readonly<Record<string, number>>) {
    this.#text = text;
    this.#most = most;
    this.#nextTurn = nextTurn;
  }

  async parse(span: Span, level: number): Promise<unknown> {
    if (level > MOST_LEVELS) throw new SyntaxError('nested too deep');
    const { start, end } = this.#trimmed(span);
    const first = this.#text[start];
    // the levels of an element are counted where it is found
    const isShort = end - start <= (level === 0 ? SMALL_UNITS : WHOLE_UNITS);
    if (isShort) return this.#whole({ start, end });
    if (first === '"') return this.#longText({ start, end });
    if (first !== '{' && first !== '[') throw new SyntaxError('a value is too long');
    const last = this.#text[end - 1];
    if (last !== (first === '{' ? '}' : ']')) throw new SyntaxError('an element has no end');
    const elements = await this.#elements({ start: start + 1, end: end - 1 });
    return first === '[' ? this.#array(elements, level) : this.#object(elements, level);
  }

  async #whole({ start, end }: Span): Promise<unknown> {
    await this.#breathe();
    const value: unknown = JSON.parse(this.#text.slice(start, end));
    return value;
  }

  /** The pieces between two escapes. */
  async #longText({ start, end }: Span): Promise<string> {
    if (this.#text[end - 1] !== '"') throw new SyntaxError('a text has no end');
    const pieces: unknown[] = [];
    for (let at = start + 1; at < end - 1;) {
      const to = at + TEXT_UNITS >= end - 1 ? end - 1 : this.#beforeEscape(at, at + TEXT_UNITS);
      await this.#breathe();
      const piece: unknown = JSON.parse(`"${this.#text.slice(at, to)}"`);
      pieces.push(piece);
      at = to;
    }
    return pieces.join('');
  }

  /** This index, or that of the escape that it is in. */
  #beforeEscape(from: number, index: number): number {
    const last = this.#text.lastIndexOf('\\', index - 1);
    // the longest has six units: \u0000
    if (last < index - 6 || last < from) return index;
    let slashes = 0;
    while (last - slashes >= from && this.#text.charCodeAt(last - slashes) === BACKSLASH) slashes++;
    const isEscape = slashes % 2 === 1;
    const length = this.#text[last + 1] === 'u' ? 6 : 2;
    return isEscape && last + length > index ? last : index;
  }

  async #array(elements: readonly Span[], level: number): Promise<unknown[]> {
    const values: unknown[] = [];
    // small neighbours are parsed together
    for (let i = 0; i < elements.length;) {
      const { start = 0 } = elements[i] ?? {};
      let next = i + 1;
      while (next < elements.length && (elements[next]?.end ?? 0) - start <= WHOLE_UNITS) next++;
      const { end = start } = elements[next - 1] ?? {};
      if (end - start > WHOLE_UNITS) values.push(await this.parse({ start, end }, level + 1));
      else {
        await this.#breathe();
        const some: unknown = JSON.parse(`[${this.#text.slice(start, end)}]`);
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
      const key: unknown = JSON.parse(this.#text.slice(start, colon));
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
    while (at < end && this.#text[at] !== '"') {
      at += this.#text[at] === '\\' ? 2 : 1;
      if (at - from > MOST_TOKEN_UNITS) throw new SyntaxError('a key is too long');
    }
    let colon = at + 1;
    while (SPACE.has(this.#text.charCodeAt(colon)) && colon - at < MOST_TOKEN_UNITS) colon++;
    if (this.#text[colon] !== ':' || colon >= end) throw new SyntaxError('a member has no value');
    return colon;
  }

  /** The elements between the commas of this level. */
  async #elements(span: Span): Promise<readonly Span[]> {
    const text = this.#text;
    const spans: Span[] = [];
    let { start } = span;
    let level = 0;
    let lookAt = start + LOOK_EVERY;
    for (let at = start; at < span.end; at++) {
      if (at >= lookAt) {
        lookAt = at + LOOK_EVERY;
        await this.#breathe();
      }
      const unit = text.charCodeAt(at);
      if (unit === QUOTE) {
        let close = this.#endOfText(at, span.end);
        for (; close < 0; close = this.#endOfText(-close, span.end)) await this.#breathe();
        at = close;
      } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) level++;
      else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) level--;
      else if (unit === COMMA && level === 0) {
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
      at = this.#text.indexOf('"', at + 1);
      if (at < 0 || at >= end) throw new SyntaxError('a text has no end');
      let slashes = 0;
      while (slashes <= MOST_TOKEN_UNITS && this.#text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
      if (slashes > MOST_TOKEN_UNITS) throw new SyntaxError('too many backslashes');
      if (slashes % 2 === 0) return at;
    }
  }

  #trimmed({ start, end }: Span): Span {
    let [from, to] = [start, end];
    while (from < to && from - start <= MOST_TOKEN_UNITS && SPACE.has(this.#text.charCodeAt(from))) from++;
    while (to > from && end - to <= MOST_TOKEN_UNITS && SPACE.has(this.#text.charCodeAt(to - 1))) to--;
    if (from - start > MOST_TOKEN_UNITS || end - to > MOST_TOKEN_UNITS) throw new SyntaxError('too much space');
    return { start: from, end: to };
  }

  async #breathe(): Promise<void> {
    if (performance.now() < this.#sliceEndsAt) return;
    await this.#nextTurn();
    this.#sliceEndsAt = performance.now() + SLICE_MS;
  }
}

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
