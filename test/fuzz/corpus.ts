import { readFileSync, writeFileSync } from 'node:fs';
import type { Dice } from '../sim/dice.ts';
import { ENDED, type Behaviour, type Input } from './input.ts';

/** The kept inputs of a target: those that were written by hand, and each that was once answered as none before it. */
export class Corpus {
  readonly #file: URL;
  readonly inputs: Input[];
  readonly #seen = new Set<string>();
  readonly #found: Input[] = [];
  /** Cut off the peer that said them. */
  readonly #ending = new WeakSet<Input>();

  constructor(name: string) {
    this.#file = new URL(`./corpus/${name}.jsonl`, import.meta.url);
    this.inputs = readFileSync(this.#file, 'utf8').split('\n').filter(Boolean).map(decode);
  }

  /** One to begin with: seldom one that ends its connection, as a new one costs as much as ten inputs. */
  pick(dice: Dice): Input {
    let input = dice.pick(this.inputs);
    for (let n = 0; n < 3 && this.#ending.has(input); n++) input = dice.pick(this.inputs);
    return input;
  }

  /** @returns whether the behaviour is new, in which case the input is kept for this run */
  learn(input: Input, behaviour: Behaviour): boolean {
    if (behaviour === undefined) return false;
    if (behaviour.startsWith(ENDED)) this.#ending.add(input);
    if (this.#seen.has(behaviour)) return false;
    this.#seen.add(behaviour);
    // a large one would make every later input of its family slow
    if (input.data.length > 2_048) return true;
    this.inputs.push(input);
    this.#found.push(input);
    return true;
  }

  get behaviours(): ReadonlySet<string> {
    return this.#seen;
  }

  /** Keeps what this run has found. */
  save(): void {
    const lines = new Set(this.inputs.slice(0, this.inputs.length - this.#found.length).map(encode));
    for (const input of this.#found) lines.add(encode(input));
    writeFileSync(this.#file, `${[...lines].join('\n')}\n`);
  }
}

/** A line of the file: a JSON text, or base64 in an object. */
export function encode({ data, isBinary }: Input): string {
  const line = data.toString();
  const isText = !isBinary && Buffer.from(line).equals(data);
  return JSON.stringify(isText ? line : { [isBinary ? 'binary' : 'text']: data.toString('base64') });
}

function decode(line: string): Input {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed === 'string') return { data: Buffer.from(parsed), isBinary: false };
  if (typeof parsed === 'object' && parsed !== null) {
    if ('binary' in parsed) return { data: Buffer.from(String(parsed.binary), 'base64'), isBinary: true };
    if ('text' in parsed) return { data: Buffer.from(String(parsed.text), 'base64'), isBinary: false };
  }
  throw new Error(`no input: ${line}`);
}
