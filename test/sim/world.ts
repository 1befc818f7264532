import { inWorker, type Hub } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { Dice } from './dice.ts';
import { Ledger } from './ledger.ts';
import type { Line } from './line.ts';
import type { Act, Schedule } from './schedule.ts';
import type { Reading } from './reading.ts';
import { SimClient } from './sim-client.ts';
import { SimLog } from './sim-log.ts';
import { SimNode } from './sim-node.ts';
import { ECHO } from './sim-workers.ts';
import type { SimSocket } from './socket.ts';

/** How a send may end where a hub or a thread closes, or the serializer is held up. */
const FAIR = new Set(['TC_HUB_CLOSED', 'TC_THREAD_CLOSED', 'TC_SERIALIZATION_TIMEOUT']);

/** Nodes, clients, the log and the network between them, in one process, on one clock. */
export class World {
  readonly clock = new VirtualClock();
  readonly ledger: Ledger;
  readonly dice: Dice;
  /** Chooses what is edited. */
  readonly #targets: Dice;
  readonly #schedule: Schedule;
  readonly #nodes: readonly SimNode[];
  readonly #clients: readonly SimClient[];
  /** Client by the id of its connection. */
  readonly #byConnection = new Map<string, SimClient>();
  #log: SimLog;
  #number = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.dice = new Dice(schedule.seed ^ 0x5eed);
    this.#targets = new Dice(schedule.seed ^ 0x7a26e7);
    this.ledger = new Ledger(schedule.maxEntries);
    this.#log = new SimLog(this.clock, this.ledger, schedule.maxEntries);
    this.#nodes = Array.from(
      { length: schedule.nodes },
      (_, i) => new SimNode(`node${i}`, this.clock, this.ledger, schedule),
    );
    for (const node of this.#nodes) node.start(this.#log);
    this.#clients = Array.from(
      { length: schedule.clients },
      (_, i) => new SimClient(`client${i}`, `user${i % 3}`, this),
    );
    for (const client of this.#clients)
      for (const thread of this.#threads) client.join(thread, this.dice.chance(0.5) ? 'start' : undefined);
  }

  get mayHaveGaps(): boolean {
    return this.#schedule.faults.length > 0;
  }

  get #threads(): readonly string[] {
    return Array.from({ length: this.#schedule.threads }, (_, i) => `thread${i}`);
  }

  /** A load balancer: any node that answers. */
  connect(client: SimClient, socket: SimSocket): Line | undefined {
    const node = this.dice.pick(this.#nodes);
    const connected = node.connect(socket, client.userId, client.latencyMs);
    if (connected === undefined) return undefined;
    this.#byConnection.set(connected.connectionId, client);
    client.connectionId = connected.connectionId;
    return connected.line;
  }

  async run(): Promise<void> {
    await this.clock.advance(500);
    for (const { act, waitMs } of this.#schedule.steps) {
      this.ledger.note(act.act);
      this.#perform(act);
      await this.clock.advance(waitMs);
      for (const node of this.#nodes) if (node.isDrained()) node.crash(this.#log, true);
      if (this.ledger.violations.length > 0) return;
    }
    await this.#heal();
    await this.#end();
  }

  /** All faults end: everybody must have everything. */
  async #heal(): Promise<void> {
    for (const node of this.#nodes) {
      node.thaw();
      node.start(this.#log);
    }
    const lines = this.#clients.map(({ line }) => line);
    for (const line of lines) line?.resume();
    // a line that is whole goes on soon, not only after its connection has been replaced
    await this.clock.advance(8_000);
    for (const [i, client] of this.#clients.entries()) {
      if (client.line !== lines[i] || client.line?.isWhole !== true) continue;
      for (const reading of client.readings)
        if (reading.at !== undefined) reading.assertCurrent(this.clock.now() - 1_000);
    }
    // a silent line is found by its heartbeat, a breaker closes after its cooldown
    await this.clock.advance(22_000);
    for (const node of this.#nodes) {
      if (node.isDrained()) node.crash(this.#log, true);
      node.start(this.#log);
    }
    await this.clock.advance(30_000);
    for (const client of this.#clients)
      for (const { handle } of client.readings) client.publish(handle.id, ++this.#number, '', true);
    await this.clock.advance(25_000);
    for (const client of this.#clients) {
      for (const reading of client.readings) {
        reading.assertCurrent();
        reading.assertNoneGrowing();
        reading.assertNewest();
      }
    }
  }

  async #end(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.clock.advance(1_000);
    for (const node of this.#nodes) await node.close();
    await this.clock.advance(35_000);
    await this.#log.close();
    if (this.clock.pending > 0) this.ledger.complain(`${this.clock.pending} timers or turns are left`);
  }

  #perform(act: Act): void {
    switch (act.act) {
      case 'send':
        return this.#send(act);
      case 'edit':
      case 'remove':
        return this.#amend(act);
      case 'publish':
        return this.#client(act.client).publish(this.#thread(act.thread), ++this.#number, 'x'.repeat(act.size));
      case 'join':
        return this.#client(act.client).join(this.#thread(act.thread), this.dice.chance(0.5) ? 'start' : undefined);
      case 'leave':
        return this.#client(act.client).leave(this.#thread(act.thread));
      case 'kick':
        return this.#kick(this.#client(act.client), this.#thread(act.thread));
      case 'stream':
        return this.#node(act.node).stream(this.#thread(act.thread), ++this.#number, act);
      case 'cut':
      case 'silence':
      case 'stall':
      case 'resume':
        return this.#client(act.client).line?.[act.act]();
      case 'take':
        return this.#client(act.client).line?.take(act.bytes);
      case 'crashClient':
        return this.#client(act.client).crash();
      case 'crashNode':
        return this.#node(act.node).crash(this.#log, act.isTold);
      case 'startNode':
        return this.#node(act.node).start(this.#log);
      case 'freezeNode':
        return this.#node(act.node).freeze();
      case 'thawNode':
        return this.#node(act.node).thaw();
      case 'drain':
        return this.#node(act.node).drain();
      case 'loseLog':
        return this.#loseLog();
    }
  }

  #kick(client: SimClient, threadId: string): void {
    const { connectionId } = client;
    if (connectionId === undefined) return;
    client.noteKick();
    for (const node of this.#nodes) node.kick(connectionId, threadId);
  }

  /** The log is started anew: no process that held the old one goes on with it. */
  #loseLog(): void {
    for (const node of this.#nodes) node.crash(this.#log, true);
    this.#log = new SimLog(this.clock, this.ledger, this.#schedule.maxEntries);
    this.ledger.begin();
    for (const node of this.#nodes) node.start(this.#log);
  }

  #send({ node, thread, lane, size, times, isRecipe }: Extract<Act, { act: 'send' }>): void {
    const { hub } = this.#node(node);
    if (hub === undefined) return;
    for (let i = 0; i < times; i++) this.#sendOne(hub, this.#thread(thread), lane, size, isRecipe);
  }

  /** The application edits or removes a message of those that it has sent last. */
  #amend(act: Extract<Act, { act: 'edit' | 'remove' }>): void {
    const { hub } = this.#node(act.node);
    const threadId = this.#thread(act.thread);
    const recent = this.ledger.recent(threadId, 3);
    if (hub === undefined || recent.length === 0) return;
    const { id } = this.#targets.pick(recent);
    const thread = hub.thread(threadId);
    const sent =
      act.act === 'remove'
        ? thread.remove(id)
        : thread.send({ n: ++this.#number, filler: 'x'.repeat(act.size) }, { replaces: id });
    sent.then(
      () => this.ledger.note(act.act === 'edit' ? 'edited' : 'removed'),
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        // trimmed or removed meanwhile
        if (code !== 'TC_UNKNOWN_MESSAGE' && !FAIR.has(String(code)))
          this.ledger.complain(`${act.act}: ${String(error)}`);
      },
    );
  }

  #sendOne(
    hub: Hub,
    threadId: string,
    lane: 'normal' | 'critical' | 'volatile',
    size: number,
    isRecipe: boolean,
  ): void {
    const number = ++this.#number;
    // one that has not been let in yet is not given what goes to the subscription before it
    const isIn = (reading: Reading | undefined): boolean => reading?.at !== undefined;
    const all = this.#clients.map((client) => [client, client.reading(threadId)] as const);
    const readings = new Map(all.filter(([, reading]) => isIn(reading)));
    const message = { n: number, filler: 'x'.repeat(size) };
    const sent = hub.thread(threadId).send(isRecipe ? inWorker(ECHO, message) : message, { lane });
    sent
      .then(async (receipt) => {
        this.ledger.note('sent');
        const { outcomes } = await receipt.settled({ until: 'acked' });
        // entries are one object for all nodes here, so only a single node's outcomes are its own
        if (this.#schedule.nodes > 1) return;
        for (const [connectionId, outcome] of outcomes)
          this.#check({ threadId, number, readings }, connectionId, outcome);
      })
      .catch((error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (isRecipe) this.ledger.note(`recipe ${String(code)}`);
        if (!FAIR.has(String(code)) && !(isRecipe && code === 'TC_WORKER_FAILED'))
          this.ledger.complain(`send ${number}: ${String(error)}`);
      });
  }

  /** What a receipt says is what the client has. */
  #check({ threadId, number, readings }: Sent, connectionId: string, outcome: string): void {
    this.ledger.note(`outcome ${outcome}`);
    const client = this.#byConnection.get(connectionId);
    const reading = client?.reading(threadId);
    // one that has left meanwhile, or whose page has gone, was given it in vain
    if (outcome !== 'acked' || client === undefined || reading === undefined) return;
    if (reading === readings.get(client) && !reading.numbers.has(number) && !reading.hasNewer(number)) {
      this.ledger.complain(`${client.name}: ${number} counts as acked and was not received`);
    }
  }

  #client(index: number): SimClient {
    return at(this.#clients, index);
  }

  #node(index: number): SimNode {
    return at(this.#nodes, index);
  }

  #thread(index: number): string {
    return at(this.#threads, index);
  }
}

/** A message that the application has sent, and who was in its thread then. */
interface Sent {
  readonly threadId: string;
  readonly number: number;
  readonly readings: ReadonlyMap<SimClient, Reading | undefined>;
}

function at<T>(all: readonly T[], index: number): T {
  const one = all[index];
  if (one === undefined) throw new Error(`there is no number ${index}`);
  return one;
}
