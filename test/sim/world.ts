import { Application } from './application.ts';
import { Dice } from './dice.ts';
import type { EventNetwork } from './event-network.ts';
import { Ledger } from './ledger.ts';
import type { PromisedLine } from './promised-line.ts';
import { isAllowed, mayBeAway, threadOf, USERS, userOf, type Act, type Schedule } from './schedule.ts';
import { SimClient } from './sim-client.ts';
import { SimClock } from './sim-clock.ts';
import { SimRedis } from './redis/sim-redis.ts';
import { SimLog } from './sim-log.ts';
import type { SimStore } from './sim-store.ts';
import { SimNode } from './sim-node.ts';
import type { FakeWebSocket } from '../../src/testing/index.ts';

/** After these, a client may find that a short log has gone on without it. */
const SETS_BACK = new Set<string>(['erase', 'closeUser', 'kickUser', 'kick']);

/** Nodes, clients, the log and the network between them, in one process, on one clock. */
export class World {
  readonly clock = new SimClock();
  readonly ledger: Ledger;
  readonly dice: Dice;
  readonly mayHaveGaps: boolean;
  readonly schedule: Schedule;
  /** By host: the network of a page. */
  readonly #networks = new Map<string, EventNetwork>();
  readonly #nodes: readonly SimNode[];
  readonly #clients: readonly SimClient[];
  readonly #application: Application;
  /** By the id of a connection: the page that has opened it. */
  readonly #pages = new Map<string, object>();
  readonly #redis: SimRedis | undefined;
  /** Undefined over Redis. */
  #memory: SimLog | undefined;
  #logs = 0;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.dice = new Dice(schedule.seed ^ 0x5eed);
    this.ledger = new Ledger(schedule.maxEntries);
    this.ledger.mayBeAway = mayBeAway(schedule);
    this.ledger.values.now = (threadId) => this.#log.values(threadId);
    this.mayHaveGaps = schedule.faults.length > 0 || schedule.steps.some(({ act }) => SETS_BACK.has(act.act));
    if (schedule.isRedis === true) this.#redis = new SimRedis(this.clock, this.ledger, schedule);
    else this.#memory = this.#newLog();
    this.#nodes = Array.from(
      { length: schedule.nodes },
      (_, i) => new SimNode(`node${i}`, this.clock, this.ledger, schedule, (ms) => this.clock.spend(ms)),
    );
    for (const node of this.#nodes) node.start(this.#log);
    this.#clients = Array.from({ length: schedule.clients }, (_, i) => new SimClient(i, userOf(i % USERS), this));
    this.#application = new Application(schedule, this.ledger, this.#clients, this.#pages);
    for (const client of this.#clients)
      for (const thread of this.#threads) client.join(thread, this.dice.chance(0.5) ? 'start' : undefined);
  }

  get #log(): SimStore {
    const log = this.#redis ?? this.#memory;
    if (log === undefined) throw new Error('a world has a log');
    return log;
  }

  get #threads(): readonly string[] {
    return Array.from({ length: this.schedule.threads }, (_, i) => threadOf(i));
  }

  isAllowed(userId: string, threadId: string): boolean {
    return isAllowed(this.schedule, userId, threadId);
  }

  /** A load balancer: any node that answers. */
  connect(client: SimClient, socket: FakeWebSocket, url: string): PromisedLine | undefined {
    const node = this.dice.pick(this.#nodes);
    const { searchParams } = new URL(url);
    const connected = node.connect(socket, {
      userId: client.userId,
      clientId: searchParams.get('cid') ?? undefined,
      takesBytes: searchParams.get('bytes') === '1',
      latency: client.latency.next,
    });
    if (connected === undefined) return undefined;
    this.accepted(client, connected.connectionId);
    return connected.line;
  }

  pick(): SimNode {
    return this.dice.pick(this.#nodes);
  }

  accepted(client: SimClient, connectionId: string, page = client.page): void {
    this.#pages.set(connectionId, page);
    if (page === client.page) client.connectionId = connectionId;
  }

  serve(host: string, network: EventNetwork): void {
    this.#networks.set(host, network);
  }

  /** `fetch` of all pages. */
  readonly fetch = (url: string, init: RequestInit): Promise<Response> => {
    const network = this.#networks.get(new URL(url).host);
    if (network === undefined) throw new Error(`no page asks for ${url}`);
    return network.fetch(url, init);
  };

  run(): void {
    this.clock.advance(500);
    for (const { act, waitMs } of this.schedule.steps) {
      this.ledger.note(act.act === 'redis' ? `redis ${act.what}` : act.act);
      this.#redis?.remember();
      this.#perform(act);
      this.clock.advance(waitMs);
      for (const client of this.#clients) for (const reading of client.readings) reading.look();
      this.#memory?.look();
      for (const node of this.#nodes) if (node.isDrained()) node.crash(this.#log, true);
      if (this.ledger.violations.length > 0) return;
    }
    this.#heal();
    this.#end();
  }

  /** All faults end: everybody must have everything, soon. */
  #heal(): void {
    this.#redis?.heal();
    for (const node of this.#nodes) {
      node.heal();
      node.start(this.#log);
    }
    const since = this.clock.now();
    const lines = new Map(this.#clients.map((client) => [client, client.line]));
    for (const client of this.#clients) client.heal();
    // a line that is whole goes on soon, not only after its connection has been replaced
    this.#until(8_000, () =>
      this.#clients
        .filter((client) => client.line?.isWhole === true && client.line === lines.get(client))
        .flatMap(({ readings }) => [...readings])
        .flatMap((reading) => (reading.at === undefined ? [] : (reading.behind(since) ?? []))),
    );
    const missing = (): readonly string[] => [
      ...this.#nodes.filter(({ isBusy }) => isBusy).map(({ name }) => `${name} is still at work`),
      ...this.#clients.flatMap((client) => client.missing()),
    ];
    // a silent line is found by its heartbeat, a breaker closes after its cooldown
    this.#until(52_000, missing);
    for (const client of this.#clients) {
      for (const { handle } of client.readings) {
        if (this.isAllowed(client.userId, handle.id))
          client.publish(handle.id, this.#application.nextNumber(), { size: 0 }, true);
      }
    }
    this.#until(25_000, missing);
    // nothing comes late, or twice
    this.clock.advance(2_000);
    // a session may have ended just now
    this.#until(10_000, missing);
  }

  /** Lets time pass until nothing is missing any more; complains of what is when the time is up. */
  #until(ms: number, missing: () => readonly string[]): void {
    const end = this.clock.now() + ms;
    while (missing().length > 0 && this.clock.now() < end) {
      this.clock.advance(500);
      for (const node of this.#nodes) {
        if (node.isDrained()) node.crash(this.#log, true);
        node.start(this.#log);
      }
    }
    for (const what of missing()) this.ledger.complain(what);
  }

  /** Everything is quiet and empty afterwards. */
  #end(): void {
    for (const client of this.#clients) client.close();
    // a node that was frozen has not looked at its lines for as long: its heartbeat finds those that are silent
    const held = (): readonly string[] =>
      this.#nodes.filter(({ hub }) => hub !== undefined && hub.stats().connections.total > 0).map(({ name }) => name);
    this.#until(52_000, () => held().map((name) => `${name} has connections of clients that are gone`));
    this.clock.advance(1_000);
    for (const thread of this.#threads) {
      for (const [key, json] of this.#log.values(thread))
        if (this.#application.isOwned(json)) this.ledger.complain(`${thread} has ${key} of a client that is gone`);
    }
    for (const node of this.#nodes) node.close();
    this.clock.advance(5_000);
    for (const node of this.#nodes) node.assertClosed();
    for (const client of this.#clients) client.assertOver();
    this.clock.advance(30_000);
    this.#memory?.assertUnheard();
    this.#log.close();
    if (!this.#nodes.some((node) => node.diedHolding)) {
      for (const node of this.#nodes) node.assertEmpty();
      this.#memory?.assertReleased();
    }
    if (this.clock.pending > 0) this.ledger.complain(`${this.clock.pending} timers or turns are left`);
  }

  #perform(act: Act): void {
    switch (act.act) {
      case 'cut':
      case 'silence':
      case 'stall':
      case 'resume':
        return this.#client(act.client).line?.[act.act]();
      case 'take':
        return this.#client(act.client).line?.take(act.bytes);
      case 'cutAfter':
        return this.#client(act.client).line?.cutAfter(act.bytes);
      case 'burst':
        return this.#application.burst(act, this.#node(act.node));
      case 'latency':
        return this.#client(act.client).latency.change(act);
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
      case 'holdNode':
        return this.#node(act.node).hold(act.ms);
      case 'slowNode':
        return this.#node(act.node).slow(act.costMs);
      case 'jumpClock':
        return this.#node(act.node).jump(act.ms);
      case 'drain':
        return this.#node(act.node).drain();
      case 'loseLog':
        this.ledger.begin();
        return this.#replaceLog(this.#newLog());
      case 'restoreLog':
        return this.#memory && this.#replaceLog(this.#memory.restored(act.lost));
      case 'redis':
        return this.#redis?.suffer(act, act.node === undefined ? undefined : this.#node(act.node).clock);
      case 'publish':
      case 'repeat':
      case 'join':
      case 'leave':
      case 'older':
      case 'clientValue':
        return this.#application.atClient(act, this.#client(act.client), this.dice);
      case 'kick':
        return this.#application.kick(this.#nodes, this.#client(act.client), threadOf(act.thread));
      case 'send':
      case 'sendToAll':
      case 'edit':
      case 'remove':
      case 'erase':
      case 'kickUser':
      case 'closeUser':
      case 'stream':
      case 'setValue':
      case 'dropValue':
        return this.#application.atNode(act, this.#node(act.node));
    }
  }

  #newLog(): SimLog {
    const { seed, maxEntries, maxBytes } = this.schedule;
    return new SimLog(this.clock, this.ledger, { maxEntries, maxBytes, life: `${seed}-${++this.#logs}` });
  }

  /** No process that held the old one goes on with it. */
  #replaceLog(log: SimLog): void {
    for (const node of this.#nodes) node.wipe(this.#log);
    this.#log.close();
    this.#memory = log;
    for (const node of this.#nodes) node.start(log);
  }

  #client(index: number): SimClient {
    return at(this.#clients, index);
  }

  #node(index: number): SimNode {
    return at(this.#nodes, index);
  }
}

function at<T>(all: readonly T[], index: number): T {
  const one = all[index];
  if (one === undefined) throw new Error(`there is no number ${index}`);
  return one;
}
