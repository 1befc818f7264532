/**
 * Deterministic values whose JSON has about a given size, in five shapes. They are parsed from JSON at the end: values of
 * real applications come from parsers and drivers, with flat strings and one hidden class per kind of record.
 */

export const shapes = ['records', 'deep', 'strings', 'numbers', 'agent'] as const;
export type Shape = (typeof shapes)[number];

export function makePayload(shape: Shape, bytes: number, seed = 42): unknown {
  return JSON.parse(JSON.stringify(generators[shape](new Random(seed), bytes)));
}

const generators: Record<Shape, (random: Random, bytes: number) => unknown> = {
  records,
  deep,
  strings,
  numbers,
  agent,
};

const words = (
  'the quick brown fox jumps over lazy dog tool result agent context error value stream token delta function call ' +
  'message response think plan search file path line code test build deploy server client user system data json text'
).split(' ');

/** mulberry32 */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  integer(below: number): number {
    return Math.floor(this.next() * below);
  }

  word(): string {
    return words[this.integer(words.length)] ?? '';
  }

  id(): string {
    return `${this.integer(2 ** 32)
      .toString(16)
      .padStart(8, '0')}-${this.integer(2 ** 16).toString(16)}`;
  }

  /** Prose with some quotes, backslashes and line ends, which have to be escaped. */
  text(length: number): string {
    let text = '';
    while (text.length < length) {
      const dice = this.next();
      text += this.word() + (dice < 0.03 ? '\n' : dice < 0.05 ? '"' : dice < 0.06 ? '\\' : dice < 0.1 ? '. ' : ' ');
    }
    return text.slice(0, length);
  }

  list<Item>(length: number, make: (index: number) => Item): Item[] {
    return Array.from({ length }, (_, index) => make(index));
  }
}

/** Rows of a query. */
function records(random: Random, bytes: number): unknown {
  return random.list(Math.max(1, Math.round(bytes / 128)), (id) => ({
    id,
    uid: random.id(),
    name: `${random.word()} ${random.word()}`,
    active: random.next() < 0.5,
    score: random.integer(10_000) / 100,
    tags: [random.word(), random.word()],
    ref: null,
  }));
}

/** Trees of some 40 levels with little in each; flatter ones where they would be larger than what is wanted. */
function deep(random: Random, bytes: number): unknown {
  const node = (level: number): object => ({
    k: random.id(),
    d: level,
    v: random.integer(100),
    child: level > 0 ? node(level - 1) : null,
    sib: level > 0 && level % 4 === 0 ? [node(level >> 2), node(level >> 3)] : [],
  });
  return { root: fill(bytes, () => node(bytes < 1e4 ? 4 : 36)) };
}

/** A few very long strings. */
function strings(random: Random, bytes: number): unknown {
  return Object.fromEntries(random.list(8, (index) => [`doc${index}`, random.text(Math.round((bytes / 8) * 0.94))]));
}

/** Rows of floating-point numbers. */
function numbers(random: Random, bytes: number): unknown {
  const rows = Math.max(1, Math.round(bytes / (19.6 * 256)));
  const width = bytes < 19.6 * 256 ? Math.max(1, Math.round(bytes / 19.6)) : 256;
  return { width, rows: random.list(rows, () => random.list(width, () => random.next())) };
}

/** What an agent keeps of a conversation: prose, tool results, embeddings, maps by id, some of it not ASCII. */
function agent(random: Random, bytes: number): unknown {
  const memory: Record<string, unknown> = {};
  const tools: Record<string, unknown> = {};
  const messages = fill(bytes * 0.9, (index) => {
    if (index % 10 === 9) memory[`memory:${index}`] = agentMemory(random, index);
    if (index % 5 === 4) tools[`tool_${index}`] = { calls: index, latency: random.list(3, () => random.next() * 10) };
    return agentMessage(random, index, Math.min(1200, bytes / 4));
  });
  return { sessionId: random.id(), createdAt: '2025-01-01T00:00:00.000Z', messages, tools, memory };
}

function agentMessage(random: Random, index: number, longestText: number): object {
  const message = {
    id: random.id(),
    role: ['user', 'assistant', 'tool'][index % 3],
    at: 1_700_000_000_000 + index,
    content: [{ type: 'text', text: random.text(50 + random.integer(longestText)) }],
    usage: { input: random.integer(5000), output: random.integer(800), cost: random.next() / 100 },
    context: {
      depth: index % 7,
      parent: index - 1,
      flags: { a: true, b: false, c: null },
      path: ['root', `t${index}`],
    },
  };
  if (index % 3 !== 2) return message;
  const row = (): object => ({ file: `/src/${random.id()}.ts`, line: random.integer(1000), snippet: random.text(60) });
  return { ...message, toolResult: { name: 'search', ok: true, rows: random.list(5, row) } };
}

function agentMemory(random: Random, index: number): object {
  const embedding = random.list(32, () => random.next());
  return { key: `k${index}`, embedding, note: random.text(80), unicode: `naïve – 日本語 🎉 ${index}` };
}

/** Items until their JSON is about as long as wanted. */
function fill(bytes: number, make: (index: number) => object): object[] {
  const items: object[] = [];
  for (let size = 0, index = 0; size < bytes; index++) {
    const item = make(index);
    items.push(item);
    size += JSON.stringify(item).length;
  }
  return items;
}
