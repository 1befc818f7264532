/**
 * What an AI answer costs its server, beside the outline in the AI SDK's docs and npm `resumable-stream`:
 * `npm run bench:ai -- [--deltas 10000] [--viewers 100] [--rounds 5]`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { RedisServer } from '../../test/support/redis-server.ts';
import { environment, format, median, table, writeSection } from '../document.ts';
import { pairedInterval, pairedRatio } from '../fanout/statistics.ts';
import { openViewer, type Viewer } from './viewer.ts';
import { wordOf, type Answer, type Order } from './work.ts';

const { values } = parseArgs({
  options: {
    deltas: { type: 'string', default: '10000' },
    viewers: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
});
const [deltas, viewers, rounds] = [Number(values.deltas), Number(values.viewers), Number(values.rounds)];

const KINDS = ['outline', 'resumable-stream', 'threadcast'] as const;
type Kind = (typeof KINDS)[number];

/** Resumes of one measurement, one after the other. */
const RESUMES = 5;

/** Words of the measurement with viewers, and their pace: that of a fast model. */
const WORDS = 100;
const EVERY_MS = 10;

/** For handshakes and garbage to be over. */
const CALM_MS = 300;

interface Round {
  readonly resumeBytes: number;
  readonly resumeUs: number;
  readonly chunkUs: number;
}

async function ask(server: ChildProcess, order: Order): Promise<Answer> {
  server.send(order);
  const [answer]: Answer[] = await once(server, 'message');
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

const NOTHING: Order = { words: 0, everyMs: 0 };

/** A server of its own, with one viewer that has asked for the answer. */
async function withServer<T>(
  kind: Kind,
  redis: RedisServer,
  measure: (server: ChildProcess, open: () => Promise<Viewer>, first: Viewer) => Promise<T>,
): Promise<T> {
  await redis.run(['FLUSHALL']);
  const server = fork(new URL(`./servers/${kind}.${kind === 'resumable-stream' ? 'js' : 'ts'}`, import.meta.url), [
    redis.url,
  ]);
  const [{ port }]: [Answer] = [(await once(server, 'message'))[0]];
  const open = (isFirst = false): Promise<Viewer> =>
    openViewer(kind === 'resumable-stream' ? 'events' : 'socket', port, isFirst);
  const first = await open(true);
  try {
    return await measure(server, open, first);
  } finally {
    first.close();
    server.disconnect();
    await once(server, 'exit');
  }
}

const resumes = (kind: Kind, redis: RedisServer): Promise<Pick<Round, 'resumeBytes' | 'resumeUs'>> =>
  withServer(kind, redis, async (server, open, first) => {
    await ask(server, { words: deltas, everyMs: 0 });
    await first.has(wordOf(deltas - 1));
    await delay(CALM_MS);
    const before = await ask(server, NOTHING);
    let bytes = 0;
    for (let n = 0; n < RESUMES; n++) {
      const viewer = await open();
      bytes = await viewer.has(wordOf(deltas - 1));
      viewer.close();
    }
    await delay(CALM_MS);
    const after = await ask(server, NOTHING);
    return { resumeBytes: bytes, resumeUs: (after.cpuUs - before.cpuUs) / RESUMES };
  });

const chunks = (kind: Kind, redis: RedisServer): Promise<Pick<Round, 'chunkUs'>> =>
  withServer(kind, redis, async (server, open, first) => {
    await ask(server, { words: 1, everyMs: 0 });
    await first.has(wordOf(0));
    const all = [first];
    while (all.length < viewers)
      all.push(...(await Promise.all(Array.from({ length: Math.min(10, viewers - all.length) }, () => open()))));
    await Promise.all(all.map((viewer) => viewer.has(wordOf(0))));
    await delay(CALM_MS);
    const before = await ask(server, NOTHING);
    await ask(server, { words: WORDS, everyMs: EVERY_MS });
    await Promise.all(all.map((viewer) => viewer.has(wordOf(WORDS))));
    const after = await ask(server, NOTHING);
    for (const viewer of all) viewer.close();
    return { chunkUs: (after.cpuUs - before.cpuUs) / WORDS };
  });

function report(measured: ReadonlyMap<Kind, readonly Round[]>): string {
  const list = (kind: Kind, field: keyof Round): number[] => measured.get(kind)?.map((round) => round[field]) ?? [];
  const ratio = (kind: Kind, field: keyof Round): string => {
    const [low, high] = pairedInterval(list(kind, field), list('threadcast', field));
    const middle = pairedRatio(list(kind, field), list('threadcast', field));
    return kind === 'threadcast' ? '1 x' : `${format(middle)} x (${format(low)} to ${format(high)})`;
  };
  const row = (what: string, field: keyof Round, unit: number): string[] => [
    what,
    ...KINDS.map((kind) => `${format(median(list(kind, field)) / unit)}, ${ratio(kind, field)}`),
  ];
  return [
    '## AI answers',
    environment(),
    `The CPU time of the server's process alone, clients in another one; ${rounds} rounds, medians, and the ratio to threadcast in the same round with its 95 % interval. A resume comes after ${deltas.toLocaleString('en')} deltas of an answer in progress. The chunks are ${WORDS} words, one each ${EVERY_MS} ms, to ${viewers} viewers. "outline" is a server as the docs of \`WebSocketChatTransport\` outline it, without validation and authentication. \`resumable-stream\` also loads a Redis, which is not counted. Run it with \`npm run bench:ai\`.`,
    table(
      ['', 'outline of the AI SDK', '`resumable-stream`', '`serveChat`'],
      [
        row('a resume, KB to the client', 'resumeBytes', 1_000),
        row('a resume, ms of CPU', 'resumeUs', 1_000),
        row(`a chunk to ${viewers} viewers, us of CPU`, 'chunkUs', 1),
      ],
    ),
  ].join('\n\n');
}

const redis = await RedisServer.start();
const measured = new Map<Kind, Round[]>(KINDS.map((kind) => [kind, []]));
for (let n = 0; n < rounds; n++) {
  for (const kind of n % 2 === 0 ? KINDS : KINDS.toReversed()) {
    const round = { ...(await resumes(kind, redis)), ...(await chunks(kind, redis)) };
    measured.get(kind)?.push(round);
    console.error(n, kind, round);
  }
}
await redis.stop();
const text = report(measured);
if (values.out === undefined) console.log(text);
else writeSection(values.out, 'ai', text);
