/**
 * What a delivery by Server-Sent Events costs, beside a WebSocket and a naive loop of `response.write`, and what an idle connection holds:
 * `npm run bench:http -- [--connections 500] [--messages 200] [--rounds 3] [--out docs/benchmarks.md]` on a built package.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { environment, format, median, table, writeSection } from '../document.ts';
import type { Answer, Order } from './server.ts';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '500' },
    messages: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
});
const connections = Number(values.connections);
const messages = Number(values.messages);
const KINDS = ['sse', 'websocket', 'naive'] as const;
const NAMES = { sse: 'threadcast, SSE', websocket: 'threadcast, WebSocket', naive: '`response.write` in a loop' };

/** For handshakes, garbage and timers to be over. */
const CALM_MS = 1_500;

interface Round {
  readonly cpuUs: number;
  readonly idleBytes: number;
}

async function ask(server: ChildProcess, order: Order): Promise<Answer> {
  server.send(order);
  const [answer]: Answer[] = await once(server, 'message');
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

async function measure(kind: (typeof KINDS)[number]): Promise<Round> {
  const server = fork(new URL('./server.ts', import.meta.url), [kind], { execArgv: ['--expose-gc'] });
  const [{ port = 0 }]: [Answer] = [(await once(server, 'message'))[0]];
  const connect = (): ChildProcess =>
    fork(new URL('./clients.ts', import.meta.url), [kind, String(port), String(connections)]);
  const untilThereAre = async (count: number): Promise<Answer> => {
    for (let tries = 0; tries < 60; tries++) {
      await delay(CALM_MS);
      const answer = await ask(server, { messages: 0 });
      if (answer.connections === count) return answer;
    }
    throw new Error(`there are never ${count} connections`);
  };
  // the code that a first connection has compiled, and the room that the process keeps, belong to no connection
  const first = connect();
  await untilThereAre(connections);
  first.disconnect();
  const empty = await untilThereAre(0);
  const clients = connect();
  const idle = await untilThereAre(connections);
  await ask(server, { messages: Math.ceil(messages / 4) });
  await delay(CALM_MS);
  const { cpuUs } = await ask(server, { messages });
  clients.disconnect();
  server.disconnect();
  return { cpuUs: cpuUs / messages / connections, idleBytes: (idle.heldBytes - empty.heldBytes) / connections };
}

const rounds = new Map<string, Round[]>(KINDS.map((kind) => [kind, []]));
for (let n = 0; n < Number(values.rounds); n++)
  for (const kind of KINDS) {
    const round = await measure(kind);
    rounds.get(kind)?.push(round);
    console.log(kind, round.cpuUs.toFixed(2), 'us a delivery,', (round.idleBytes / 1_024).toFixed(1), 'KiB idle');
  }

const rows = KINDS.map((kind) => {
  const all = rounds.get(kind) ?? [];
  const cpu = format(median(all.map(({ cpuUs }) => cpuUs)));
  const idle = format(median(all.map(({ idleBytes }) => idleBytes)) / 1_024);
  return [NAMES[kind], cpu, idle];
});
const report = `## Server-Sent Events

CPU of the server for one delivery of 1 KB to each of ${connections} connections, and what an idle one holds in the heap and in buffers (the
resident memory of a process is more, and depends on how full it was before: it is not given back). Medians of ${values.rounds} rounds of ${messages} messages. Each server is a process of its own, without the native sender. \`npm run bench:http\`.
${environment()}

${table(['server', 'us of CPU', 'KiB idle'], rows)}`;
if (values.out === undefined) console.log(report);
else writeSection(values.out, 'http', report);
