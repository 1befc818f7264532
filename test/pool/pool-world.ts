import { createPool, type Pool } from '../../src/pool/index.ts';
import { FakeWebSocket, VirtualClock, type Line } from '../../src/testing/index.ts';
import { Dice } from '../sim/dice.ts';
import { Ledger } from '../sim/ledger.ts';
import { NodeClock } from '../sim/node-clock.ts';
import { Reading } from '../sim/reading.ts';
import { SimLog } from '../sim/sim-log.ts';
import { SimNode } from '../sim/sim-node.ts';
import { filled } from '../sim/fillers.ts';

const NODES = 3;
const THREADS = 8;
const LATENCY_MS = 5;

/** How a send may end where a hub or a thread closes. */
const FAIR = new Set(['TC_HUB_CLOSED', 'TC_THREAD_CLOSED']);

type Fault = 'cut' | 'silence' | 'crash' | 'start' | 'drain' | 'freeze' | 'thaw' | 'stall' | 'resume';

const FAULTS: readonly Fault[] = ['cut', 'silence', 'crash', 'start', 'drain', 'freeze', 'thaw', 'stall', 'resume'];

/** A pool, three hubs with one log, and the network between them, on one clock and one seed. */
export class PoolWorld {
  readonly clock = new VirtualClock();
  readonly ledger: Ledger;
  readonly pool: Pool;
  readonly #dice: Dice;
  readonly #log: SimLog;
  readonly #nodes: readonly SimNode[];
  readonly #readings = new Map<string, Reading>();
  #lines: Line[] = [];
  #number = 0;
  #ids = 0;
  #isHealed = false;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
    const maxEntries = this.#dice.pick([3, 200]);
    this.ledger = new Ledger(maxEntries);
    const { clock, ledger } = this;
    this.#log = new SimLog(clock, ledger, { maxEntries, life: `${seed}` });
    const schedule = {
      seed,
      nodes: NODES,
      clients: 0,
      threads: THREADS,
      maxEntries,
      faults: [],
      steps: [],
      workers: undefined,
      zlib: undefined,
    };
    this.#nodes = Array.from({ length: NODES }, (_, i) => new SimNode(`node${i}`, clock, ledger, schedule));
    for (const node of this.#nodes) node.start(this.#log);
    const connect = (socket: FakeWebSocket, url: string): Line | undefined => this.#connect(socket, url);
    this.pool = createPool({
      urls: this.#nodes.map(({ name }) => `ws://${name}.test/`),
      size: this.#dice.pick([1, 3, 4, { min: 1, max: 4 }]),
      threadsPerConnection: 3,
      idleMs: 4_000,
      settleMs: 2_000,
      cooldownMs: 5_000,
      connectTimeoutMs: 1_500,
      publishTimeoutMs: 20_000,
      WebSocket: FakeWebSocket.bind(undefined, { clock, latencyMs: LATENCY_MS, connect }),
      clock: new NodeClock(clock),
      random: this.#dice.random,
      newId: () => `pool-${++this.#ids}`,
    });
    this.pool.on('error', (error) => {
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
      ledger.note(`pool error ${String(code)}`);
      if (code === undefined || code === 'TC_MALFORMED_FRAME') ledger.complain(`the pool: ${String(error)}`);
    });
    this.pool.on('transition', ({ to }) => ledger.note(to));
    for (let i = 0; i < THREADS; i++) this.#join(`thread${i}`);
  }

  async run(steps: number): Promise<void> {
    await this.clock.advance(this.#dice.pick([0, 500]));
    const faults = FAULTS.filter(() => this.#dice.chance(0.6));
    for (let i = 0; i < steps && this.ledger.violations.length === 0; i++) {
      this.#step(faults);
      await this.clock.advance(this.#dice.pick([0, 3, 20, 100, 700, 3_000]));
      for (const node of this.#nodes) if (node.isDrained()) node.crash(this.#log, true);
    }
    await this.#heal();
    await this.#end();
  }

  #connect(socket: FakeWebSocket, url: string): Line | undefined {
    const node = this.#nodes.find(({ name }) => url.includes(name));
    const caller = { userId: 'the pool', clientId: undefined, takesBytes: false, latency: () => LATENCY_MS };
    const line = node?.connect(socket, caller)?.line;
    if (line !== undefined) this.#lines = [...this.#lines.filter(({ isOver }) => !isOver), line];
    return line;
  }

  #join(threadId: string): void {
    if (this.#readings.has(threadId)) return;
    const thread = this.pool.join(threadId, this.#dice.chance(0.5) ? { from: 'start' } : {});
    const rules = {
      mayHaveGaps: true,
      scope: '',
      shared: new Map<string, string>(),
      mayBeRefused: () => false,
      onLeft: () => {},
    };
    this.#readings.set(threadId, new Reading(thread, this.ledger, 'the pool', rules));
  }

  #step(faults: readonly Fault[]): void {
    const dice = this.#dice;
    const threadId = `thread${dice.int(0, THREADS - 1)}`;
    if (faults.length > 0 && dice.chance(0.25)) return this.#fault(dice.pick(faults));
    const act = dice.weighted([
      [6, 'send'],
      [4, 'publish'],
      [1, 'stream'],
      [1, 'leave'],
      [1, 'join'],
    ] as const);
    if (act === 'send') return this.#send(threadId);
    if (act === 'publish') return this.#publish(threadId);
    if (act === 'join') return this.#join(threadId);
    if (act === 'leave') {
      this.#readings.get(threadId)?.handle.leave();
      this.#readings.delete(threadId);
      return;
    }
    dice.pick(this.#nodes).stream(threadId, ++this.#number, { chunks: dice.int(1, 8), everyMs: 200, isChunks: false });
  }

  #fault(fault: Fault): void {
    this.ledger.note(fault);
    const dice = this.#dice;
    const node = dice.pick(this.#nodes);
    if (fault === 'crash') return node.crash(this.#log, dice.chance(0.7));
    if (fault === 'start') return node.start(this.#log);
    if (fault === 'drain' || fault === 'freeze' || fault === 'thaw') return node[fault]();
    if (this.#lines.length > 0) dice.pick(this.#lines)[fault]();
  }

  #send(threadId: string): void {
    const dice = this.#dice;
    const { hub } = dice.pick(this.#nodes);
    if (hub === undefined) return;
    const lane = dice.pick(['normal', 'normal', 'critical'] as const);
    for (let times = dice.pick([1, 1, 4]); times > 0; times--) {
      const size = dice.pick([1, 100, 100, 300_000]);
      const sent = hub.thread(threadId).send(filled(++this.#number, size), { lane });
      sent.catch((error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (!FAIR.has(String(code))) this.ledger.complain(`send: ${String(error)}`);
      });
    }
  }

  #publish(threadId: string): void {
    const number = ++this.#number;
    const { ledger } = this;
    this.pool.publish(threadId, { n: number }).then(
      ({ id }) => {
        ledger.note('published');
        if (!ledger.hasNumber(number)) ledger.complain(`${id} was accepted and is not in the log`);
      },
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        const isFair = code === 'TC_PUBLISH_TIMEOUT' && !this.#isHealed;
        if (!isFair) ledger.complain(`publish ${number}: ${String(error)}`);
      },
    );
  }

  /** All faults end: the pool must have everything. */
  async #heal(): Promise<void> {
    for (const node of this.#nodes) {
      node.thaw();
      node.start(this.#log);
    }
    for (const line of this.#lines) line.resume();
    await this.clock.advance(30_000);
    for (const node of this.#nodes) {
      if (node.isDrained()) node.crash(this.#log, true);
      node.start(this.#log);
    }
    await this.clock.advance(30_000);
    this.#isHealed = true;
    for (const { handle } of this.#readings.values()) this.#publish(handle.id);
    await this.clock.advance(25_000);
    for (const reading of this.#readings.values()) {
      for (const what of reading.missing()) this.ledger.complain(what);
    }
    const { connections, waiting, queued } = this.pool.stats;
    if (connections.open === 0 || waiting > 0 || queued > 0)
      this.ledger.complain(`${connections.open} are open, ${waiting} threads and ${queued} messages wait`);
  }

  async #end(): Promise<void> {
    this.pool.close();
    await this.clock.advance(1_000);
    for (const node of this.#nodes) node.close();
    await this.clock.advance(5_000);
    for (const node of this.#nodes) node.assertClosed();
    await this.clock.advance(30_000);
    this.#log.close();
    if (this.clock.pending > 0) this.ledger.complain(`${this.clock.pending} timers or turns are left`);
  }
}
