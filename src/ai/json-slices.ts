/** Texts up to this length are parsed in one go: 3 ms at most, where they are all brackets. */
const WHOLE_UNITS = 48 * 1024;

/** Texts that are parsed before their nesting is known: V8 takes 40 ms for the levels that 128 KiB may hold. */
const SMALL_UNITS = 4 * 1024;

/** Units that are looked at between two looks at the clock. */
const LOOK_EVERY = 16 * 1024;

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
 * @throws SyntaxError, also for a text that is nested too deep
 */
export async function parseInSlices(text: string, nextTurn: () => Promise<void>): Promise<unknown> {
  const slicer = new Slicer(text, nextTurn);
  return slicer.parse({ start: 0, end: text.length }, 0);
}

class Slicer {
  readonly #text: string;
  readonly #nextTurn: () => Promise<void>;
  #sliceEndsAt = performance.now() + SLICE_MS;

  constructor(text: string, nextTurn: () => Promise<void>) {
    this.#text = text;
    this.#nextTurn = nextTurn;
  }

  async parse(span: Span, level: number): Promise<unknown> {
    if (level > MOST_LEVELS) throw new SyntaxError('nested too deep');
    const { start, end } = this.#trimmed(span);
    const first = this.#text[start];
    // a long text without elements is copied in one go, at a gigabyte a second
    // the levels of an element are counted where it is found
    const isShort = end - start <= (level === 0 ? SMALL_UNITS : WHOLE_UNITS);
    if (isShort || (first !== '{' && first !== '[')) return this.#whole({ start, end });
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
    const object: Record<string, unknown> = {};
    for (const { start, end } of members) {
      const colon = this.#colonIn(start, end);
      const key: unknown = JSON.parse(this.#text.slice(start, colon));
      if (typeof key !== 'string') throw new SyntaxError('a key is no text');
      const value = await this.parse({ start: colon + 1, end }, level + 1);
      // a name like __proto__ is a field as any other, as JSON.parse has it
      Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
    }
    return object;
  }

  #colonIn(start: number, end: number): number {
    let at = this.#trimmed({ start, end }).start + 1;
    while (at < end && this.#text[at] !== '"') at += this.#text[at] === '\\' ? 2 : 1;
    const colon = this.#text.indexOf(':', at + 1);
    if (colon < 0 || colon >= end) throw new SyntaxError('a member has no value');
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
      if (unit === QUOTE) at = this.#endOfText(at, span.end);
      else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) level++;
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

  /** The closing quote. */
  #endOfText(from: number, end: number): number {
    let at = from;
    for (;;) {
      at = this.#text.indexOf('"', at + 1);
      if (at < 0 || at >= end) throw new SyntaxError('a text has no end');
      let slashes = 0;
      while (this.#text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
      if (slashes % 2 === 0) return at;
    }
  }

  #trimmed({ start, end }: Span): Span {
    let [from, to] = [start, end];
    while (from < to && SPACE.has(this.#text.charCodeAt(from))) from++;
    while (to > from && SPACE.has(this.#text.charCodeAt(to - 1))) to--;
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
