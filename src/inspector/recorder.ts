import type { Hub } from '../api/hub.ts';
import {
  connectionMachine,
  hubMachine,
  poolConnectionMachine,
  serializerMachine,
  threadMachine,
} from '../machines/index.ts';
import { closeCodes } from '../infra/wire/close-codes.ts';
import { EdgeFinder, graphOf } from './graph.ts';
import type { InspectedMove, Pools } from './pools.ts';
import type { EdgeSight, Note, Step } from './protocol.ts';
import type { HubEvents } from '../api/events.ts';
import type { Clock } from '../api/clock.ts';

/** How long a transition counts as recent. */
const LATELY_S = 60;

/** Steps kept of one actor, and actors whose steps are kept: those that moved last. */
const MAX_STEPS = 40;
const MAX_ACTORS = 2_000;

/** Evictions kept. */
const MAX_NOTES = 300;

/** Records what the machines do, while a page watches. Its memory is bounded. */
export class Recorder {
  readonly #clock: Clock;
  readonly #machines = new Map(
    [connectionMachine, threadMachine, serializerMachine, hubMachine, poolConnectionMachine].map((machine) => [
      machine.id,
      { finder: new EdgeFinder(graphOf(machine)), taken: new Map<string, Taken>() },
    ]),
  );
  readonly #histories = new Map<string, Step[]>();
  readonly #notes: Omit<Note, 'isGoodbye'>[] = [];
  /** Connections among the notes whose client, or line, ended them. */
  readonly #endedByPeer = new Set<string>();
  #noted = 0;
  #goodbyes = 0;
  readonly #offs: (() => void)[];

  constructor(hub: Hub, pools: Pools, clock: Clock) {
    this.#clock = clock;
    this.#offs = [
      hub.on('transition', (transition) => this.#take(transition)),
      hub.on('evicted', (eviction) => this.#note(eviction)),
      ...pools.watch((move) => this.#take(move)),
    ];
  }

  stop(): void {
    for (const off of this.#offs.splice(0)) off();
  }

  /** The edges of a machine that were taken in the last minute. */
  edgesOf(machine: string): readonly EdgeSight[] {
    const now = this.#clock.now();
    const sights: EdgeSight[] = [];
    for (const [id, taken] of this.#machines.get(machine)?.taken ?? []) {
      const count = taken.countAt(now);
      if (count > 0) sights.push({ id, count, agoMs: now - taken.lastAt });
    }
    return sights;
  }

  /** Since the recording began, without the clients that said goodbye. */
  get evictions(): number {
    return this.#noted - this.#goodbyes;
  }

  notesAfter(n: number): readonly Note[] {
    return this.#notes.filter((note) => note.n > n).map((note) => ({ ...note, isGoodbye: this.#isGoodbye(note) }));
  }

  /** The connection has ended, because its client wanted it. */
  hasLeft(connectionId: string): boolean {
    const note = this.#notes.find((one) => one.connectionId === connectionId);
    return note !== undefined && this.#isGoodbye(note);
  }

  /** @param actorId `connection:...`, `thread:...`, `pool-connection:...` */
  historyOf(actorId: string): readonly Step[] {
    return this.#histories.get(actorId) ?? [];
  }

  #take({ machine, id, from, to, event }: InspectedMove): void {
    if (machine === 'connection' && to === 'evicted' && event === 'closed') {
      const connectionId = id.slice('connection:'.length);
      this.#endedByPeer.add(connectionId);
      // the note comes before the transition, or after it
      if (this.hasLeft(connectionId)) this.#goodbyes++;
    }
    const known = this.#machines.get(machine);
    const edge = known?.finder.find(from, to, event);
    if (known !== undefined && edge !== undefined) {
      let taken = known.taken.get(edge.id);
      if (taken === undefined) known.taken.set(edge.id, (taken = new Taken()));
      taken.add(this.#clock.now());
    }
    const history = this.#histories.get(id) ?? [];
    history.push({ at: Date.now(), from, to, event: edge?.label ?? event, edge: edge?.id });
    if (history.length > MAX_STEPS) history.shift();
    // a map keeps the order of insertion: the actor that moved last is at its end
    this.#histories.delete(id);
    this.#histories.set(id, history);
    if (this.#histories.size > MAX_ACTORS) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const id of this.#histories.keys()) {
      this.#histories.delete(id);
      return;
    }
  }

  #note({ connection, code, reason }: HubEvents['evicted']): void {
    const { id: connectionId, userId } = connection;
    const note = { n: ++this.#noted, at: Date.now(), connectionId, userId, code, reason };
    this.#notes.push(note);
    if (this.#isGoodbye(note)) this.#goodbyes++;
    if (this.#notes.length > MAX_NOTES) this.#endedByPeer.delete(this.#notes.shift()?.connectionId ?? '');
  }

  /** As the hub's metric has it: a line that broke is no goodbye. */
  #isGoodbye({ connectionId, code }: { readonly connectionId: string; readonly code: number }): boolean {
    return this.#endedByPeer.has(connectionId) && code !== closeCodes.abnormal.code;
  }
}

/** How often an edge was taken, in each second of the last minute. */
class Taken {
  lastAt = 0;
  readonly #counts = new Uint32Array(LATELY_S);
  #second = 0;

  add(now: number): void {
    this.#turn(now);
    this.lastAt = now;
    const slot = this.#second % LATELY_S;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
  }

  countAt(now: number): number {
    this.#turn(now);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Empties the seconds that have passed since the last call. */
  #turn(now: number): void {
    const second = Math.floor(now / 1_000);
    const passed = second - this.#second;
    if (passed >= LATELY_S) this.#counts.fill(0);
    else for (let i = 1; i <= passed; i++) this.#counts[(this.#second + i) % LATELY_S] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
