import { createActor, type ActorOptions, type ActorRefFrom } from 'xstate';
import { ConnectionFailingError, ConnectionRefusedError } from '../client/errors.ts';
import { fieldsOf, textOf } from '../client/fields.ts';
import type { ClientSettings } from '../client/options.ts';
import type { OpenSocket } from '../client/socket.ts';
import { poolConnectionMachine, type PoolConnectionPolicy } from '../machines/pool-connection.ts';
import type { PoolConnection, PoolConnectionState } from './api.ts';
import type { Line, LineListener, LostFacts, MakeLine } from './line.ts';

/** What a connection reports to its pool. */
export interface ConnectionHost<L extends Line> {
  /** Threads may use its line. */
  onOpen(line: L): void;
  /** It has lasted. */
  onSettled(connection: PooledConnection<L>): void;
  /** Its line is gone, or is to be closed: its threads go on elsewhere. */
  onLose(line: L): void;
  /** It has ended. `isRefused`: by the hub, for good. */
  onEvicted(connection: PooledConnection<L>, refusal: ConnectionRefusedError | undefined): void;
  /** It was lost, or could not be made. @param reason in words */
  onFailure(reason: string): void;
  onLog(): void;
  report(error: unknown): void;
}

/** What all connections of a pool share. */
export interface ConnectionSetup<L extends Line> {
  readonly host: ConnectionHost<L>;
  readonly makeLine: MakeLine<L>;
  readonly policy: PoolConnectionPolicy;
  readonly inspect: NonNullable<ActorOptions<typeof poolConnectionMachine>['inspect']>;
}

/** One connection of a pool at work: its machine decides when there is a line. */
export class PooledConnection<L extends Line> implements PoolConnection, LineListener {
  readonly id: string;
  readonly place: number;
  readonly settings: ClientSettings;
  isLogUp = true;
  readonly #host: ConnectionHost<L>;
  readonly #makeLine: MakeLine<L>;
  readonly #actor: ActorRefFrom<typeof poolConnectionMachine>;
  #line: L | undefined;
  #isOpen = false;
  #refusal: ConnectionRefusedError | undefined;
  /** Why the newest socket has failed, in the words of its `error` event: its close event has none. */
  #socketError = '';
  #lost = { closeCode: 1006, reason: '' };

  constructor(
    id: string,
    place: number,
    settings: ClientSettings,
    { host, policy, inspect, makeLine }: ConnectionSetup<L>,
  ) {
    this.id = id;
    this.place = place;
    this.settings = settings;
    this.#host = host;
    this.#makeLine = makeLine;
    const machine = poolConnectionMachine.provide({
      actions: {
        dial: () => this.#dial(),
        open: () => this.#open(),
        settle: () => host.onSettled(this),
        lose: () => this.#lose(),
        warn: () => host.report(new ConnectionFailingError({ attempts: policy.breakerThreshold, ...this.#lost })),
        release: () => this.#release(),
      },
    });
    const { clock } = settings;
    this.#actor = createActor(machine, {
      id,
      input: { id, policy },
      inspect,
      clock: {
        setTimeout: (callback, delayMs) => clock.setTimeout(callback, delayMs),
        clearTimeout: (handle) => clock.clearTimeout(handle),
      },
    });
    this.#actor.subscribe({ error: (error) => host.report(error) });
  }

  start(): void {
    this.#actor.start();
  }

  get url(): string {
    return this.settings.url.split('?', 1)[0] ?? '';
  }

  get state(): PoolConnectionState {
    const { value } = this.#actor.getSnapshot();
    if (typeof value === 'string') return value;
    return 'open' in value ? 'open' : 'tripped';
  }

  get path(): string {
    const { value } = this.#actor.getSnapshot();
    if (typeof value === 'string') return value;
    return 'open' in value ? `open.${value.open}` : `tripped.${value.tripped}`;
  }

  get failures(): number {
    return this.#actor.getSnapshot().context.failures;
  }

  get threads(): number {
    return this.#line?.threads.size ?? 0;
  }

  /** Where its threads send; undefined unless it is open. The machine's snapshot is older than its effects. */
  get line(): L | undefined {
    return this.#isOpen ? this.#line : undefined;
  }

  retire(reason: string): void {
    this.#actor.send({ type: 'retire', reason });
  }

  // --- events of the line

  onGreeted(): void {
    this.#actor.send({ type: 'greeted' });
  }

  onLost({ code, reason, isRefused, retryInMs }: LostFacts): void {
    const said = reason === '' ? this.#socketError : reason;
    const why = `${code} ${said}`.trim();
    this.#lost = { closeCode: code, reason: said };
    this.#host.onFailure(why);
    if (!isRefused) this.#actor.send({ type: 'lost', reason: why, askedMs: retryInMs });
    else {
      this.#refusal = new ConnectionRefusedError({ closeCode: code, reason });
      this.#actor.send({ type: 'refused', reason: why });
    }
  }

  onLog(isUp: boolean): void {
    this.isLogUp = isUp;
    this.#host.onLog();
  }

  report(error: unknown): void {
    this.#host.report(error);
  }

  // --- effects of the machine

  #dial(): void {
    this.#socketError = '';
    const line = this.#makeLine({ ...this.settings, open: this.#openSocket }, this);
    this.#line = line;
    try {
      line.dial();
    } catch (error) {
      this.#host.report(error);
      line.close();
      this.onLost({ code: 1006, reason: 'failed', isRefused: false, retryInMs: 0 });
    }
  }

  readonly #openSocket: OpenSocket = (url) => {
    const socket = this.settings.open(url);
    socket.addEventListener('error', (event) => {
      this.#socketError = textOf(fieldsOf(event)['message']) ?? this.#socketError;
    });
    return socket;
  };

  #open(): void {
    if (this.#line === undefined) return;
    this.#isOpen = true;
    this.#host.onOpen(this.#line);
  }

  #lose(): void {
    const line = this.#line;
    this.#line = undefined;
    this.#isOpen = false;
    if (line === undefined) return;
    this.#host.onLose(line);
    line.close();
    this.onLog(true);
  }

  #release(): void {
    this.#line?.close();
    this.#line = undefined;
    this.#host.onEvicted(this, this.#refusal);
  }
}
