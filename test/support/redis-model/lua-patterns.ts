import { LuaError } from './lua-values.ts';

/** A pattern's captures: a string, or the place of an empty one. */
export interface Match {
  readonly from: number;
  /** After its last character. */
  readonly to: number;
  readonly captures: (string | number)[];
}

interface Capture {
  from: number;
  /** Undefined while it is open; -1 for a place. */
  to: number | undefined;
}

const CLASSES: Readonly<Record<string, (code: number) => boolean>> = {
  a: (c) => (c >= 65 && c <= 90) || (c >= 97 && c <= 122),
  d: (c) => c >= 48 && c <= 57,
  l: (c) => c >= 97 && c <= 122,
  u: (c) => c >= 65 && c <= 90,
  s: (c) => c === 32 || (c >= 9 && c <= 13),
  w: (c) => (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122),
  x: (c) => (c >= 48 && c <= 57) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102),
  p: (c) => (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126),
  c: (c) => c < 32 || c === 127,
};

const PLACE = -1;

/** Patterns of Lua: as `lstrlib.c` matches them, without `%b` and `%f`. */
class Matcher {
  readonly #text: string;
  readonly #pattern: string;
  readonly #captures: Capture[] = [];

  constructor(text: string, pattern: string) {
    this.#text = text;
    this.#pattern = pattern;
  }

  at(from: number): Match | undefined {
    this.#captures.length = 0;
    const to = this.#match(from, 0);
    if (to === undefined) return undefined;
    const captures = this.#captures.map(({ from: begin, to: end }) => {
      if (end === undefined) throw new LuaError('unfinished capture');
      return end === PLACE ? begin + 1 : this.#text.slice(begin, end);
    });
    return { from, to, captures };
  }

  #match(at: number, p: number): number | undefined {
    const pattern = this.#pattern;
    if (p === pattern.length) return at;
    const sign = pattern[p];
    if (sign === '(') {
      const isPlace = pattern[p + 1] === ')';
      this.#captures.push({ from: at, to: isPlace ? PLACE : undefined });
      const end = this.#match(at, p + (isPlace ? 2 : 1));
      if (end === undefined) this.#captures.pop();
      return end;
    }
    if (sign === ')') {
      const open = this.#captures.findLast(({ to }) => to === undefined);
      if (open === undefined) throw new LuaError('invalid pattern capture');
      open.to = at;
      const end = this.#match(at, p + 1);
      if (end === undefined) open.to = undefined;
      return end;
    }
    if (sign === '$' && p + 1 === pattern.length) return at === this.#text.length ? at : undefined;
    return this.#repeat(at, p);
  }

  /** A character or class, and how often it may come. */
  #repeat(at: number, p: number): number | undefined {
    const next = this.#classEnd(p);
    const times = this.#pattern[next];
    if (times === '*') return this.#most(at, p, next, 0);
    if (times === '+') return this.#most(at, p, next, 1);
    if (times === '-') {
      for (let end = at; ; end++) {
        const found = this.#match(end, next + 1);
        if (found !== undefined || !this.#isOne(end, p, next)) return found;
      }
    }
    const isOne = this.#isOne(at, p, next);
    if (times === '?') return (isOne ? this.#match(at + 1, next + 1) : undefined) ?? this.#match(at, next + 1);
    return isOne ? this.#match(at + 1, next) : undefined;
  }

  #most(at: number, p: number, next: number, least: number): number | undefined {
    let end = at;
    while (this.#isOne(end, p, next)) end++;
    for (; end >= at + least; end--) {
      const found = this.#match(end, next + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #classEnd(p: number): number {
    const pattern = this.#pattern;
    if (pattern[p] === '%') {
      if (p + 1 >= pattern.length || /[bf1-9]/.test(pattern[p + 1] ?? '')) {
        throw new LuaError(`the model has no pattern ${pattern}`);
      }
      return p + 2;
    }
    if (pattern[p] !== '[') return p + 1;
    let end = p + (pattern[p + 1] === '^' ? 2 : 1);
    // a bracket that comes first is one of the characters
    do {
      if (end >= pattern.length) throw new LuaError("malformed pattern (missing ']')");
      end += pattern[end] === '%' ? 2 : 1;
    } while (pattern[end] !== ']');
    return end + 1;
  }

  #isOne(at: number, p: number, next: number): boolean {
    if (at >= this.#text.length) return false;
    const code = this.#text.charCodeAt(at);
    const sign = this.#pattern[p];
    if (sign === '.') return true;
    if (sign === '%') return isOfClass(code, this.#pattern[p + 1] ?? '');
    return sign === '[' ? this.#isInSet(code, p + 1, next - 1) : this.#pattern.charCodeAt(p) === code;
  }

  #isInSet(code: number, from: number, end: number): boolean {
    const pattern = this.#pattern;
    const isNegated = pattern[from] === '^';
    for (let p = isNegated ? from + 1 : from; p < end; p++) {
      if (pattern[p] === '%') {
        if (isOfClass(code, pattern[++p] ?? '')) return !isNegated;
      } else if (pattern[p + 1] === '-' && p + 2 < end) {
        if (pattern.charCodeAt(p) <= code && code <= pattern.charCodeAt(p + 2)) return !isNegated;
        p += 2;
      } else if (pattern.charCodeAt(p) === code) return !isNegated;
    }
    return isNegated;
  }
}

function isOfClass(code: number, sign: string): boolean {
  const lower = sign.toLowerCase();
  const isOf = CLASSES[lower];
  if (isOf === undefined) return sign.charCodeAt(0) === code;
  return isOf(code) === (sign === lower);
}

/** The first match at or after a place. */
export function findPattern(text: string, pattern: string, from: number): Match | undefined {
  const isAnchored = pattern.startsWith('^');
  const matcher = new Matcher(text, isAnchored ? pattern.slice(1) : pattern);
  for (let at = from; at <= text.length; at++) {
    const match = matcher.at(at);
    if (match !== undefined || isAnchored) return match;
  }
  return undefined;
}

/** The captures, or all of the match where the pattern has none. */
export const capturesOf = (text: string, { from, to, captures }: Match): (string | number)[] =>
  captures.length === 0 ? [text.slice(from, to)] : captures;
