import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inWorker, type Thread } from 'threadcast';
import type { Published } from './audit.ts';
import type { Line } from './recording.ts';

/** What the recording may ask to be built. */
const recipes = new Map([
  ['big-result', (args: unknown) => inWorker(new URL('./big-result.js', import.meta.url), args)],
]);

export interface PlayOptions {
  /** Number of this play; the conversation's first message carries it. */
  readonly play: number;
  /** How many times as fast as it was recorded. */
  readonly speed: number;
  readonly signal: AbortSignal;
  /** A line was handed to the hub. */
  readonly onSent: (sent: number) => void;
}

/**
 * Sends a recording with its timing. Never waits for a receipt before the next line: order is the hub's business, also while
 * the big result is still being built.
 *
 * @returns what the log holds of it, for the audit
 */
export async function play(
  thread: Thread,
  lines: readonly Line[],
  options: PlayOptions,
): Promise<readonly Published[]> {
  const begunAt = performance.now();
  const sends: Promise<Published>[] = [];
  for (const line of lines) {
    const wait = line.at / options.speed - (performance.now() - begunAt);
    if (wait > 0) await delay(wait, undefined, { signal: options.signal }).catch(() => {});
    if (options.signal.aborted) break;
    const send = sendLine(thread, line, options.play);
    // the failure is seen below, not as an unhandled rejection meanwhile
    send.catch(() => {});
    sends.push(send);
    options.onSent(sends.length);
  }
  return Promise.all(sends);
}

async function sendLine(thread: Thread, line: Line, play: number): Promise<Published> {
  if ('recipe' in line) {
    const recipe = recipes.get(line.recipe);
    if (recipe === undefined) throw new Error(`the recording asks for an unknown recipe: ${line.recipe}`);
    const { id, position } = await thread.send(recipe(line.args));
    return { offset: offsetOf(position), id, digest: line.digest, bytes: line.bytes };
  }
  const message = line.message['type'] === 'session' ? { ...line.message, play } : line.message;
  const json = JSON.stringify(message);
  const { id, position } = await thread.send(message);
  return { offset: offsetOf(position), id, digest: hash('sha256', json), bytes: Buffer.byteLength(json) };
}

/** The offset in a position, `epoch.offset.id`. */
function offsetOf(position: string | undefined): number {
  return Number(position?.split('.', 2)[1]);
}
