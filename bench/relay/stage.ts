import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadClient } from '../fanout/stage.ts';
import { LineProcess } from '../fanout/line-process.ts';
import type { Answer, Order } from './server.ts';

/** For handshakes, garbage and the last bytes. */
const CALM_MS = 700;

/** What one process has done between two questions. */
export interface Work {
  readonly cpuUs: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

/** What happened while messages were sent. */
export interface Run {
  readonly messages: number;
  readonly deliveries: number;
  readonly ms: number;
  readonly primary: Work | undefined;
  /** The first one has sent the messages. */
  readonly hubs: readonly Work[];
  readonly clientUs: number;
}

/** A server process, or a load client with its hub. */
class Child {
  readonly #process: ChildProcess;

  constructor(args: readonly string[]) {
    const execArgv = process.env['BENCH_PROFILE'] === args[0] ? ['--cpu-prof', '--cpu-prof-dir=/tmp/profiles'] : [];
    this.#process = fork(new URL('./server.ts', import.meta.url), args, { execArgv });
  }

  async answer(): Promise<Answer> {
    const [answer]: Answer[] = await once(this.#process, 'message');
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }

  ask(order: Order): Promise<Answer> {
    const answer = this.answer();
    this.#process.send(order);
    return answer;
  }

  async stop(): Promise<void> {
    const exit = once(this.#process, 'exit');
    this.#process.disconnect();
    await exit;
  }
}

/** One process with its log, or a primary with workers; each hub has its share of the members, which are in one thread. */
export class Stage {
  readonly #primary: Child | undefined;
  readonly #hubs: readonly Child[];
  readonly #loads: readonly LineProcess[];
  readonly #folder: string;

  private constructor(
    primary: Child | undefined,
    hubs: readonly Child[],
    loads: readonly LineProcess[],
    folder: string,
  ) {
    this.#primary = primary;
    this.#hubs = hubs;
    this.#loads = loads;
    this.#folder = folder;
  }

  /** @param workers none: a single process with a log of its own. @param members of each hub */
  static async start(workers: number, members: number): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'threadcast-bench-'));
    const socket = join(folder, 'log.sock');
    const primary = workers === 0 ? undefined : new Child(['primary', socket]);
    await primary?.answer();
    const hubs: Child[] = [];
    const loads: LineProcess[] = [];
    for (let i = 0; i < Math.max(1, workers); i++) {
      const hub = new Child(workers === 0 ? ['single'] : ['worker', socket]);
      hubs.push(hub);
      const { port } = await hub.answer();
      const load = new LineProcess('the load client', undefined, [
        loadClient(),
        '--port',
        String(port),
        '--dialect',
        'threadcast',
      ]);
      loads.push(load);
      await load.ask(`open ${members} /`);
      while ((await hub.ask({})).members < members) await delay(20);
    }
    await delay(CALM_MS);
    return new Stage(primary, hubs, loads, folder);
  }

  /** Sends messages in the first hub, and waits until all members have them. */
  async run(order: Order & { readonly messages: number }, members: number): Promise<Run> {
    const before = await this.#ask();
    const messagesBefore = await this.#received();
    const began = performance.now();
    const [first] = this.#hubs;
    await first?.ask(order);
    const deliveries = order.messages * members * this.#hubs.length;
    while ((await this.#received()) - messagesBefore < deliveries) await delay(2);
    const ms = performance.now() - began;
    const after = await this.#ask();
    const [primary, ...hubs] = after.work.map((each, i): Work => {
      const old = before.work[i];
      return {
        cpuUs: each.cpuUs - (old?.cpuUs ?? 0),
        bytesOut: each.bytesOut - (old?.bytesOut ?? 0),
        bytesIn: each.bytesIn - (old?.bytesIn ?? 0),
      };
    });
    const isAlone = this.#primary === undefined;
    return {
      messages: order.messages,
      deliveries,
      ms,
      primary: isAlone ? undefined : primary,
      hubs: isAlone && primary !== undefined ? [primary] : hubs,
      clientUs: after.clientUs - before.clientUs,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.stop()));
    for (const hub of this.#hubs) await hub.stop();
    await this.#primary?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ask(): Promise<{ readonly work: readonly Answer[]; readonly clientUs: number }> {
    const servers = this.#primary === undefined ? this.#hubs : [this.#primary, ...this.#hubs];
    const work = await Promise.all(servers.map((server) => server.ask({})));
    let clientUs = 0;
    for (const load of this.#loads) clientUs += (await load.ask('stats')).number('busyUs');
    return { work, clientUs };
  }

  async #received(): Promise<number> {
    let sum = 0;
    for (const load of this.#loads) sum += (await load.ask('stats')).number('messages');
    return sum;
  }
}
