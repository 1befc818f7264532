import { Timer } from '../client/clock.ts';
import type { ConnectionRefusedError } from '../client/errors.ts';
import type { PoolSettings } from './options.ts';
import type { Line } from './line.ts';
import { PooledConnection, type ConnectionSetup } from './pooled-connection.ts';

/** A place of the pool, and the connection that it has now. */
interface Place<L extends Line> {
  /** Undefined while a refused one is not replaced yet. */
  connection: PooledConnection<L> | undefined;
  /** Of its address among `urls`. */
  hub: number;
  readonly replacement: Timer;
}

/** The connections of a pool by their places. The pool has as many places as its threads need; the last one goes first. */
export class Places<L extends Line> {
  evictions = 0;
  readonly #settings: PoolSettings;
  readonly #setup: ConnectionSetup<L>;
  readonly #places: Place<L>[] = [];
  readonly #idle: Timer;
  #created = 0;
  #isClosed = false;

  constructor(settings: PoolSettings, setup: ConnectionSetup<L>) {
    this.#settings = settings;
    this.#setup = setup;
    this.#idle = new Timer(settings.threads.clock);
  }

  get connections(): PooledConnection<L>[] {
    return this.#places.flatMap(({ connection }) => connection ?? []);
  }

  get open(): PooledConnection<L>[] {
    return this.connections.filter(({ line }) => line !== undefined);
  }

  /** Opens more if there are too few, and in a while closes those that are too many. @param threads how many use the pool */
  fit(threads: () => number): void {
    const wanted = this.#wantedFor(threads());
    while (!this.#isClosed && this.#places.length < wanted) this.#add();
    if (this.#places.length <= wanted) this.#idle.clear();
    else if (!this.#idle.isSet) {
      this.#idle.set(this.#settings.idleMs, () => {
        while (this.#places.length > this.#wantedFor(threads())) this.#drop();
      });
    }
  }

  /** The connection has ended: another one takes its place, at the next address. A hub that refuses is not asked again at once. */
  replace(ended: PooledConnection<L>, refusal: ConnectionRefusedError | undefined): void {
    const place = this.#places[ended.place];
    this.evictions++;
    if (this.#isClosed || place?.connection !== ended) return;
    place.connection = undefined;
    place.hub++;
    const fill = (): void => this.#fill(ended.place, place);
    // not in the turn of its end: its machine is still at work
    place.replacement.set(refusal === undefined ? 0 : this.#settings.policy.cooldownMs, fill);
  }

  close(reason: string): void {
    this.#isClosed = true;
    this.#idle.clear();
    while (this.#places.length > 0) this.#drop(reason);
  }

  #wantedFor(threads: number): number {
    const { minSize, maxSize, threadsPerConnection } = this.#settings;
    return Math.min(maxSize, Math.max(minSize, Math.ceil(threads / threadsPerConnection)));
  }

  #add(): void {
    const index = this.#places.length;
    const { clock } = this.#settings.threads;
    const place: Place<L> = { connection: undefined, hub: index, replacement: new Timer(clock) };
    this.#places.push(place);
    this.#fill(index, place);
  }

  #fill(index: number, place: Place<L>): void {
    const { lines } = this.#settings;
    const line = lines[place.hub % lines.length];
    if (line === undefined) return;
    const connection = new PooledConnection(`pool-connection:${++this.#created}`, index, line, this.#setup);
    place.connection = connection;
    connection.start();
  }

  #drop(reason = 'not needed'): void {
    const place = this.#places.pop();
    place?.replacement.clear();
    place?.connection?.retire(reason);
  }
}
