import { readFileSync, writeFileSync } from 'node:fs';
import type { Input } from './input.ts';

/** The kept inputs of a target: those that were written by hand, and each that was once answered as none before it. */
export class Corpus {
  readonly #file: URL;
  readonly inputs: Input[];
  readonly #seen = new Set<string>();
  readonly #found: Input[] = [];

  constructor(name: string) {
    this.#file = new URL(`./corpus/${name}.jsonl`, import.meta.url);
    this.inputs = readFileSync(this.#file, 'utf8').split('\n').filter(Boolean).map(decode);
  }

  /** @returns whether the behaviour is new, in which case the input is kept for this run */
  learn(input: Input, behaviour: string): boolean {
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
