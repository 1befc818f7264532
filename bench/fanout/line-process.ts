import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { Answer } from './answers.ts';
import { pinned } from './machine.ts';

/** No command of the benchmark takes longer. */
const ANSWER_TIMEOUT_MS = 180_000;

const STOP_TIMEOUT_MS = 2_000;

/** A process, on a core of its own if it is given one, that answers each line on its stdin with one on its stdout. */
export class LineProcess {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;
  readonly #name: string;
  #stderr = '';

  constructor(name: string, core: number | undefined, command: readonly string[]) {
    const [file = '', ...args] = core === undefined ? command : pinned(core, command);
    this.#name = name;
    this.#process = spawn(file, args, { stdio: 'pipe' });
    // a process that has ended is found by its missing answer
    this.#process.on('error', (error) => (this.#stderr += error.message));
    this.#process.stdin.on('error', () => {});
    this.#process.stderr.on('data', (data: Buffer) => (this.#stderr = (this.#stderr + data.toString()).slice(-2_000)));
    this.#lines = createInterface({ input: this.#process.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async ask(line: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<Answer> {
    this.#process.stdin.write(`${line}\n`);
    return this.answer(timeoutMs);
  }

  /** @throws Error with what the process said last, when it ended or said nothing in time */
  async answer(timeoutMs = ANSWER_TIMEOUT_MS): Promise<Answer> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`${this.#name}: no answer`)), timeoutMs);
    try {
      const next = await Promise.race([this.#answers.next(), promise]);
      if (next.done === true) throw new Error(`it ended: ${lastWords(this.#stderr)}`);
      return new Answer(next.value);
    } catch (error) {
      throw new Error(`${this.#name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks it to end by ending its stdin; one that is too busy to hear that is killed. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null || this.#process.pid === undefined) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#process.stdin.end();
    await ended;
    clearTimeout(timer);
    this.#lines.close();
  }
}

/** The line that names the error, or the last one. */
function lastWords(text: string): string {
  const lines = text.trim().split('\n');
  return lines.findLast((line) => /^\S*(?:error|fatal)\b/i.test(line)) ?? lines.at(-1) ?? '';
}
