import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inWorker, type Thread, type TokenStream } from 'threadcast';
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
  /** The log has the big result, and the clients get it. */
  readonly onBig: () => void;
}

/**
 * Sends a recording with its timing: what the agent says as token streams, everything else as messages. Never waits for a receipt
 * before the next line: order is the hub's business, also while the big result is still being built.
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
  const keep = (send: Promise<Published>): void => {
    // the failure is seen below, not as an unhandled rejection meanwhile
    send.catch(() => {});
    sends.push(send);
  };
  let answer: Answer | undefined;
  let answers = 0;
  for (const [i, line] of lines.entries()) {
    const wait = line.at / options.speed - (performance.now() - begunAt);
    if (wait > 0) await delay(wait, undefined, { signal: options.signal }).catch(() => {});
    if (options.signal.aborted) break;
    const delta = deltaOf(line);
    if (delta === undefined) {
      if (answer !== undefined) keep(answer.end());
      answer = undefined;
      keep(sendLine(thread, line, options));
    } else {
      answer ??= new Answer(thread, delta.turn, `play-${options.play}.turn-${delta.turn}.${answers++}`);
      answer.append(delta.text);
    }
    options.onSent(i + 1);
  }
  if (answer !== undefined) keep(answer.end());
  return Promise.all(sends);
}

/** What the agent says in one go: a token stream, and in the end one message. */
class Answer {
  readonly #stream: TokenStream;
  readonly #turn: number;
  #text = '';

  constructor(thread: Thread, turn: number, id: string) {
    this.#stream = thread.stream({ id });
    this.#turn = turn;
  }

  append(text: string): void {
    this.#text += text;
    this.#stream.append(text);
  }

  async end(): Promise<Published> {
    const fields = { type: 'text', turn: this.#turn };
    const json = JSON.stringify({ ...fields, text: this.#text });
    const { id, position } = await this.#stream.end(fields);
    return { offset: offsetOf(position), id, digest: hash('sha256', json), bytes: Buffer.byteLength(json) };
  }
}

/** A piece of what the agent says, where the line is one. */
function deltaOf(line: Line): { readonly turn: number; readonly text: string } | undefined {
  if ('recipe' in line) return undefined;
  const { type, turn, text } = line.message;
  return type === 'delta' && typeof turn === 'number' && typeof text === 'string' ? { turn, text } : undefined;
}

async function sendLine(thread: Thread, line: Line, { play, onBig }: PlayOptions): Promise<Published> {
  if ('recipe' in line) {
    const recipe = recipes.get(line.recipe);
    if (recipe === undefined) throw new Error(`the recording asks for an unknown recipe: ${line.recipe}`);
    const { id, position } = await thread.send(recipe(line.args));
    onBig();
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
