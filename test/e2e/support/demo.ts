import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';

const MAIN = new URL('../../../examples/demo/main.ts', import.meta.url);
const RECORDING = new URL('../../../examples/demo/conversation.jsonl', import.meta.url);

/** The demo as its users run it, in a process of its own. */
export class Demo {
  /** Its exit code, and what it has written by then. */
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
  readonly #child: ChildProcess;
  readonly #onOutput = new Set<() => void>();
  #output = '';

  /** @param main another program than the demo */
  constructor(flags: readonly string[], env: Readonly<Record<string, string>> = {}, main: URL = MAIN) {
    this.#child = spawn(process.execPath, [main.pathname, ...flags], {
      env: { ...process.env, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (text: Buffer): void => {
      this.#output += text.toString();
      for (const look of this.#onOutput) look();
    };
    this.#child.stdout?.on('data', take);
    this.#child.stderr?.on('data', take);
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code) => resolve({ code, output: this.#output }));
    });
  }

  /** The address of its page, once it has said it. */
  async url(): Promise<string> {
    const [, url = ''] = await this.output(/(http:\S+)/);
    return url;
  }

  /** Resolves when what it has written matches; rejects when it ends before. */
  output(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#output);
        if (match === null) return;
        this.#onOutput.delete(look);
        resolve(match);
      };
      this.#onOutput.add(look);
      void this.ended.then(({ output }) => reject(new Error(`the demo has ended without ${pattern}:\n${output}`)));
      look();
    });
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  /** For a test's clean-up: whatever has happened, it does not outlive the test. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** The messages of the recording that the demo plays; the big result is not among them. */
export async function recordedMessages(): Promise<readonly Record<string, unknown>[]> {
  const lines = await recordedLines();
  return lines.flatMap(({ message }) => (isRecord(message) ? [message] : []));
}

/** How many messages the demo publishes: what the agent says in one go, line by line in the recording, is one. */
export async function publishedCount(): Promise<number> {
  const lines = await recordedLines();
  const isDelta = (line: Record<string, unknown> | undefined): boolean =>
    isRecord(line?.['message']) && line['message']['type'] === 'delta';
  return lines.filter((line, i) => !isDelta(line) || !isDelta(lines[i + 1])).length;
}

export async function recordedLines(): Promise<readonly Record<string, unknown>[]> {
  const lines = (await readFile(RECORDING, 'utf8')).trimEnd().split('\n');
  return lines.map((line): unknown => JSON.parse(line)).filter(isRecord);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
