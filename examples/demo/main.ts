/**
 * The demo, `npm start`: a hub that plays a recorded agent conversation to a crowd of real clients, some of them in trouble,
 * with a page that shows it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { refuse } from 'threadcast';
import { Crowd } from './crowd/crowd.ts';
import { Desk } from './desk.ts';
import { startDisplay, type Display } from './display.ts';
import { parseFlags, parsePort, usage, UsageError, type Flags } from './flags.ts';
import { LoopProbe } from './loop-probe.ts';
import { Comparison } from './naive/comparison.ts';
import { readRecording } from './recording.ts';
import { startServer } from './server.ts';
import { perform, type Cast } from './stage.ts';
import { publishStatus } from './status.ts';
import { formatLine, formatSummary, summarize } from './summary.ts';
import { startTelemetry } from './telemetry.ts';
import { Waiting } from './waiting.ts';

/** Between two plays, for who wants to read. */
const INTERMISSION_MS = 4_000;

/** How long the crowd may take to connect. */
const JOIN_MS = 30_000;

// whatever was open when it failed must not keep it
process.exit(await main());

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    console.log(usage);
    return 0;
  }
  try {
    return await run(parseFlags(args), parsePort(process.env['PORT']));
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
    if (error instanceof UsageError) console.error(`\n${usage}`);
    return 1;
  }
}

async function run(flags: Flags, port: number): Promise<number> {
  // before the hub, so that the hub's first span is exported as well
  const flushTelemetry = await startTelemetry();
  const lines = await readRecording(new URL('./conversation.jsonl', import.meta.url), flags.small);
  let desk: Desk | undefined;
  const server = await startServer(port, async (userId, wish) => desk?.take(userId, wish) ?? refuse(503));
  const { hub, url, inspectorUrl, wsUrl } = server;
  console.log(`threadcast demo: ${url}`);
  console.log(`every statechart live: ${inspectorUrl}`);
  const { sender, senderReason } = hub.stats();
  console.log(`fan-out: ${sender} (${senderReason})`);
  const stopping = stopOnSignal();
  const waiting = new Waiting();
  const probe = new LoopProbe();
  probe.start();
  const crowd = new Crowd(wsUrl, flags, waiting, () => stopping.abort(new Error('the crowd has ended by itself')));
  const comparison = new Comparison(flags);
  const wishes = new Desk({ hub, crowd, comparison });
  desk = wishes;
  const stopStatus = publishStatus({ hub, probe, crowd, comparison });
  const display = startDisplay({ hub, crowd, probe, url, inspectorUrl });
  hub.on('error', (error) => display.note(`error: ${String(error)}`));
  const stopNotes = hub.on('evicted', ({ connection, code, reason }) => {
    display.note(`evicted ${connection.userId}: ${code} ${reason}`);
  });
  try {
    const cast: Cast = {
      hub,
      crowd,
      probe,
      waiting,
      lines,
      flags,
      signal: stopping.signal,
      ask: (play) => wishes.ask(play),
    };
    return await playAll(cast, display, wishes.said);
  } finally {
    // that everybody goes now is no news
    stopNotes();
    stopStatus();
    display.stop();
    probe.stop();
    comparison.stop();
    await crowd.end();
    await server.close();
    await flushTelemetry();
  }
}

/** @returns the exit code */
async function playAll(cast: Cast, display: Display, said: Desk['said']): Promise<number> {
  const { crowd, waiting, flags, signal } = cast;
  const haveJoined = (): boolean => [...crowd.books.values()].every(({ isJoined }) => isJoined);
  if (!(await waiting.until(haveJoined, JOIN_MS, signal)) && !signal.aborted) {
    throw new Error(`the crowd has not joined within ${JOIN_MS / 1_000} s`);
  }
  for (let number = 1; !signal.aborted; number++) {
    const summary = summarize(await perform(cast, number), crowd, said);
    if (signal.aborted) break;
    if (flags.once) {
      display.stop();
      console.log(`\n${formatSummary(summary)}`);
      return summary.isKept ? 0 : 1;
    }
    display.note(formatLine(summary));
    await delay(INTERMISSION_MS, undefined, { signal }).catch(() => {});
  }
  if (signal.reason instanceof Error && signal.reason.name !== 'AbortError') throw signal.reason;
  // a single play that was interrupted has proven nothing
  return flags.once ? 1 : 0;
}

/** The first Ctrl-C ends the demo in order, the second one at once. */
function stopOnSignal(): AbortController {
  const stopping = new AbortController();
  const stop = (): void => {
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return stopping;
}
