/** One measurement of streams in a process of its own: `node --expose-gc work.ts '{"source":…,"kind":…,"what":…}'`. */
import type * as Library from '../../src/index.ts';
import type { Codec, TokenStream } from '../../src/index.ts';
import type * as Testing from '../../src/testing/index.ts';
import type { Piece } from '../../src/api/socket.ts';

/** How the application delivers an answer: a text stream, a stream of chunks whose codec folds text, or a message for each delta. */
export type Kind = 'text' | 'chunks' | 'sends';

/** `append`: to viewers. `write`: without viewers, many in one window. `resume`: late joiners. `memory`: of what is held. */
export type What = 'append' | 'write' | 'resume' | 'memory';

export interface Task {
  /** The checkout that is measured. */
  readonly source: string;
  readonly kind: Kind;
  readonly what: What;
  readonly deltas: number;
  readonly viewers: number;
}

/** Bytes of memory, or microseconds of CPU, for each delta, resume or held answer; and bytes to a viewer. */
export interface Result {
  readonly cost: number;
  readonly bytes: number;
}

const { source, kind, what, deltas, viewers }: Task = JSON.parse(process.argv[2] ?? '{}');
const { createHub, memoryLog }: typeof Library = await import(`${source}/dist/index.js`);
const { FakeLink, VirtualClock }: typeof Testing = await import(`${source}/dist/testing/index.js`);

/** Between two deltas: that of a fast model. */
const EVERY_MS = 10;

/** Joins in turn. */
const RESUMES = 200;

/** Until V8 has compiled what runs: its compiler's threads count as CPU of the process. */
const WARM_DELTAS = 10_000;

/** Answers held at the same time. */
const HELD = 10;

const codec: Codec<{ readonly text: string }> = {
  name: 'words',
  fold: (a, b) => ({ text: a.text + b.text }),
  sizeOf: ({ text }) => text.length,
  end: (all) => ({ text: all.map(({ text }) => text).join('') }),
};

/** Takes all bytes, and keeps none. */
class Sink extends FakeLink {
  bytes = 0;

  override get takenBytes(): number {
    return this.bytes;
  }

  override write(piece: Piece): void {
    for (const { length } of piece) this.bytes += length;
  }
}

const clock = new VirtualClock();
const log = memoryLog({ clock, maxEntries: 100_000, maxAgeMs: 3_600_000 });
const hub = createHub({ clock, log });
hub.on('error', (error) => console.error(error));

const join = async (threadId: string, from?: string): Promise<Sink> => {
  const link = new Sink();
  hub.accept(link.attach, { authorize: () => true });
  link.say({ t: 'join', th: threadId, from, codecs: ['words'] });
  await clock.settle();
  return link;
};

/** The n-th delta. */
const wordOf = (n: number): string => `word${n % 1_000}. `;

function writerOf(threadId: string): (text: string) => void {
  const thread = hub.thread(threadId);
  if (kind === 'sends') return (text) => void thread.send({ text });
  if (kind === 'text') {
    const stream: TokenStream = thread.stream({ id: 's' });
    return (text) => stream.append(text);
  }
  const stream = thread.stream({ id: 's', codec });
  return (text) => void stream.write({ text });
}

async function say(write: (text: string) => void, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    write(wordOf(n));
    await clock.advance(EVERY_MS);
  }
}

/** CPU time of the process, in microseconds. */
async function cpuOf(act: () => Promise<void>): Promise<number> {
  globalThis.gc?.();
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function append(): Promise<Result> {
  const all: Sink[] = [];
  while (all.length < viewers) all.push(await join('t'));
  const write = writerOf('t');
  await say(write, WARM_DELTAS);
  const before = all[0]?.bytes ?? 0;
  const us = await cpuOf(() => say(write, deltas));
  return { cost: us / deltas, bytes: (all[0]?.bytes ?? 0) - before };
}

async function write(): Promise<Result> {
  const say = writerOf('t');
  const windows = 40;
  const round = async (): Promise<void> => {
    for (let window = 0; window < windows; window++) {
      for (let n = 0; n < 500; n++) say(wordOf(n));
      await clock.advance(40);
    }
  };
  for (let n = 0; n < 4; n++) await round();
  const us = await cpuOf(round);
  return { cost: us / (windows * 500), bytes: 0 };
}

async function resume(): Promise<Result> {
  // to know where a resume begins
  const first = await join('t');
  await say(writerOf('t'), deltas);
  first.hangUp();
  let bytes = 0;
  const us = await cpuOf(async () => {
    for (let n = 0; n < RESUMES; n++) {
      const link = await join('t', kind === 'sends' ? 'start' : undefined);
      await clock.settle();
      bytes = link.bytes;
      link.hangUp();
    }
  });
  return { cost: us / RESUMES, bytes };
}

async function memory(): Promise<Result> {
  const writers = Array.from({ length: HELD }, (_, n) => writerOf(`t${n}`));
  await clock.settle();
  globalThis.gc?.();
  const before = process.memoryUsage();
  await say((text) => writers.forEach((write) => write(text)), deltas);
  globalThis.gc?.();
  const after = process.memoryUsage();
  const used = (of: NodeJS.MemoryUsage): number => of.heapUsed + of.arrayBuffers;
  return { cost: (used(after) - used(before)) / HELD, bytes: 0 };
}

process.send?.(await { append, write, resume, memory }[what]());
process.disconnect?.();
process.exit();
