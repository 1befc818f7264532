/**
 * How long a big request of the stock client holds the event loop: `npm run bench:ai-requests -- [--rounds 15] [--sizes 256,1024,4096]`,
 * sizes in KiB. Linux only.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { chatFrameInSlices } from '../../../src/ai/chat-frames.ts';
import { validateEach } from '../../../src/ai/validate-each.ts';
import type { ChatMessage } from '../../../src/ai/chunk.ts';
import { environment, format, median, table, writeSection } from '../../document.ts';
import { settle } from '../../serializer/probe.ts';
import { requestOf } from './history.ts';
import { inOneGo, inSlices, startWorker } from './parsers.ts';
import { HoldProbe, threadCpuMs } from './thread-cpu.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    sizes: { type: 'string', default: '256,1024,4096' },
    out: { type: 'string' },
  },
});
const rounds = Number(values.rounds);

const KIB = 1024;
const SIZES = values.sizes.split(',').map((size) => Number(size) * KIB);

/** The first rounds have code that is not compiled yet. */
const WARM_UP = 3;

type Validate = (messages: readonly ChatMessage[]) => Promise<ChatMessage[]>;
const { validate }: { validate: Validate } = await import(new URL('./validators.js', import.meta.url).href);
const worker = await startWorker();
const each = validateEach((messages) => validate(messages));

interface Request {
  readonly data: Uint8Array;
  readonly value: { readonly messages: ChatMessage[] };
}

const WAYS: Readonly<Record<string, (request: Request) => Promise<unknown>>> = {
  '`JSON.parse` in one go': ({ data }) => inOneGo(data),
  'a worker, the value in one piece': ({ data }) => worker.whole(data),
  'a worker, message by message': ({ data }) => worker.inPieces(data),
  '**`serveChat`: in slices, with the check of its form**': async ({ data }) =>
    chatFrameInSlices(await inSlices(data), nextTurn),
  '`validateUIMessages` in one go': ({ value }) => validate(value.messages),
  '**`validateEach(validateUIMessages)`**': ({ value }) => each(value.messages),
};

const probe = new HoldProbe();
async function measure(work: () => Promise<unknown>): Promise<{ longestMs: number; totalMs: number }> {
  await settle();
  probe.start();
  await work();
  await nextTurn();
  const longestMs = probe.stop();
  await settle();
  const before = threadCpuMs();
  await work();
  return { longestMs, totalMs: threadCpuMs() - before };
}

const cells = new Map<string, string[]>(Object.keys(WAYS).map((name) => [name, []]));
for (const size of SIZES) {
  const data = requestOf(size);
  const request: Request = { data, value: JSON.parse(data.toString()) };
  for (const parse of [inSlices, worker.whole, worker.inPieces])
    if (!isDeepStrictEqual(await parse(data), request.value)) throw new Error('it was parsed to something else');
  const measured = new Map(Object.keys(WAYS).map((name) => [name, { longest: [] as number[], total: [] as number[] }]));
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const [name, work] of Object.entries(WAYS)) {
      const { longestMs, totalMs } = await measure(() => work(request));
      if (round < 0) continue;
      measured.get(name)?.longest.push(longestMs);
      measured.get(name)?.total.push(totalMs);
    }
  }
  for (const [name, { longest, total }] of measured) {
    const cell = `${format(median(longest))} (${format(Math.max(...longest))}), ${format(median(total))}`;
    cells.get(name)?.push(cell);
    console.error(size / KIB, 'KiB', name, cell);
  }
}
worker.close();

const text = [
  '## Big requests of AI chats',
  environment(),
  `A request of the stock client with the history of a chat: questions, and answers with reasoning, a tool's result, data and text. Each cell has the CPU time of the longest turn of the event loop, as a median of ${rounds} rounds and at most, and that of all turns; in milliseconds of the server's thread, garbage collection included. The worker is warm, and its thread's own time is not counted. The slices are of real time: on a busy machine they are shorter, and more. Run it with \`npm run bench:ai-requests\`.`,
  table(
    ['longest turn (at most), all turns; ms', ...SIZES.map((size) => `${size / KIB} KiB`)],
    [...cells].map(([name, row]) => [name, ...row]),
  ),
].join('\n\n');
if (values.out === undefined) console.log(text);
else writeSection(values.out, 'ai-requests', text);
