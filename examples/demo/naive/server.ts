/**
 * The same load without threadcast, in a process of its own: a `ws` server that stringifies each message once and sends it in a loop.
 * Started by `comparison.ts` with the crowd's flags; plays the recording again and again until its parent ends it.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { parseFlags } from '../flags.ts';
import { LoopProbe } from '../loop-probe.ts';
import { readRecording, type Line } from '../recording.ts';
import type { NaiveReport } from './report.ts';

const REPORT_MS = 250;
/** What the stopped client may make this process keep, before it is cut: the demo may run for hours. */
const MOST_BUFFERED = 200_000_000;

/** As the hub's workers load it. */
const { default: buildBigResult }: { default: (args: unknown) => unknown } = await import(
  new URL('../big-result.js', import.meta.url).href
);
const args = process.argv.slice(2);
const { healthy, slow, stopped, small } = parseFlags(args);
const lines = await readRecording(new URL('../conversation.jsonl', import.meta.url), small);
const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(wss, 'listening');
const address = wss.address();
const port = typeof address === 'object' ? address?.port : undefined;
const clients = fork(new URL('./clients.ts', import.meta.url), [`ws://127.0.0.1:${port}`, ...args]);
clients.on('exit', () => process.exit());
process.on('disconnect', () => clients.disconnect());
process.on('SIGINT', () => {});
while (wss.clients.size < healthy + slow + stopped) await delay(50);

const probe = new LoopProbe();
probe.start();
let messages = 0;
setInterval(() => {
  const buffered = [...wss.clients].map(({ bufferedAmount }) => bufferedAmount);
  for (const client of wss.clients) if (client.bufferedAmount > MOST_BUFFERED) client.terminate();
  const report: NaiveReport = { messages, longestBlock: probe.longestBlock, buffered: Math.max(0, ...buffered) };
  // the parent may be gone this very moment; `disconnect` follows
  if (process.connected) process.send?.(report, undefined, undefined, () => {});
}, REPORT_MS);

for (;;) {
  const begunAt = performance.now();
  for (const line of lines) {
    const wait = line.at - (performance.now() - begunAt);
    if (wait > 0) await delay(wait);
    // as the demo asks a client to stop after its first messages
    if (messages === 6 && clients.connected) clients.send('stop');
    const data = Buffer.from(JSON.stringify(messageOf(line)));
    for (const client of wss.clients) client.send(data, { binary: false });
    messages++;
  }
  await delay(4_000);
}

function messageOf(line: Line): unknown {
  return 'recipe' in line ? buildBigResult(line.args) : line.message;
}
