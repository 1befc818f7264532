import { resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, readdirSync } from 'node:fs';
import type { Answer } from './answers.ts';
import type { ContenderSpec } from './contenders.ts';
import { LineProcess } from './line-process.ts';
import { LOAD_CORE, SERVER_CORE, withAllFiles } from './machine.ts';
import type { ServerOptions } from './servers/serve.js';

const here = import.meta.dirname;
const CLIENT = `${here}/.build/client`;

export interface LoadOptions {
  readonly offersDeflate?: boolean;
  /** The first client tells the server when rounds have arrived; others only read. */
  readonly isDeaf?: boolean;
}

/** One contender's server and its load clients. */
export class Stage {
  readonly spec: ContenderSpec;
  readonly versions: Readonly<Record<string, string>>;
  readonly #server: LineProcess;
  readonly #port: number;
  readonly #ackPort: number;
  readonly #loads: Load[] = [];

  private constructor(spec: ContenderSpec, server: LineProcess, hello: Answer) {
    this.spec = spec;
    this.#server = server;
    this.#port = hello.number('port');
    this.#ackPort = hello.number('ackPort');
    this.versions = hello.texts('versions');
  }

  /** @throws Error when the server does not start */
  static async start(spec: ContenderSpec, options: ServerOptions = {}): Promise<Stage> {
    const runtime = spec.runtime();
    if (typeof runtime === 'string') throw new Error(runtime);
    const args = [resolve(here, 'servers', spec.file), JSON.stringify({ ...spec.options, ...options })];
    const server = new LineProcess(spec.title, SERVER_CORE, withAllFiles([...runtime, ...args]));
    try {
      return new Stage(spec, server, await server.answer(30_000));
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Of the server. */
  get pid(): number {
    return this.#server.pid;
  }

  load(options: LoadOptions = {}): Load {
    const load = new Load(this.spec, this.#port, options.isDeaf === true ? 0 : this.#ackPort, options);
    this.#loads.push(load);
    return load;
  }

  async ask(command: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    return this.#server.ask(JSON.stringify({ do: command, ...fields }));
  }

  /** Resolves when so many are in the room: a join may take longer than the connection. */
  async untilMembers(room: string, count: number): Promise<void> {
    const deadline = performance.now() + 60_000;
    while ((await this.ask('members', { room })).number('count') < count) {
      if (performance.now() > deadline) throw new Error(`${this.spec.title}: not all have joined`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#loads.map((load) => load.stop()), this.#server.stop()]);
  }
}

/** A load client of one server. */
export class Load {
  readonly #process: LineProcess;
  readonly #dialect: ContenderSpec['dialect'];

  constructor(spec: ContenderSpec, port: number, ackPort: number, options: LoadOptions) {
    this.#dialect = spec.dialect;
    const args = ['--port', String(port), '--ack-port', String(ackPort), '--dialect', spec.dialect];
    if (options.offersDeflate === true) args.push('--deflate');
    this.#process = new LineProcess(`load client of ${spec.title}`, LOAD_CORE, withAllFiles([loadClient(), ...args]));
  }

  /** Opens so many more; the answer says how many negotiated compression (`deflate`), and how long it took (`ms`). */
  async open(count: number, room: string): Promise<Answer> {
    const path = this.#dialect === 'socketio' ? `/socket.io/?EIO=4&transport=websocket&room=${room}` : `/?room=${room}`;
    return this.#process.ask(`open ${count} ${path}`, 60_000);
  }

  async ask(command: string): Promise<Answer> {
    return this.#process.ask(command);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

/** The load client's program, compiled when it is missing or older than its source. */
export function loadClient(): string {
  const sources = readdirSync(`${here}/load`).map((name) => statSync(`${here}/load/${name}`).mtimeMs);
  if (existsSync(CLIENT) && statSync(CLIENT).mtimeMs > Math.max(...sources)) return CLIENT;
  mkdirSync(`${here}/.build`, { recursive: true });
  const result = spawnSync('g++', ['-std=c++20', '-O2', '-o', CLIENT, `${here}/load/client.cpp`], { encoding: 'utf8' });
  if (result.error !== undefined) {
    throw new Error('BENCH_NO_COMPILER: the load client needs g++ (on Debian: apt-get install g++)', {
      cause: result.error,
    });
  }
  if (result.status !== 0) throw new Error(`BENCH_COMPILE_FAILED: ${result.stderr}`);
  return CLIENT;
}
