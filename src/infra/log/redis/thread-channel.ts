import type { Channel } from './channels-together.ts';
import type { RedisConnection } from './connections.ts';
import type { RedisSession } from './session.ts';

type ChannelState =
  | { readonly is: 'away' }
  | { readonly is: 'subscribing'; readonly on: RedisConnection; readonly done: Promise<void> }
  | { readonly is: 'subscribed'; readonly on: RedisConnection }
  /** The subscription is being removed, and may be made again after that: the two commands must not cross. */
  | { readonly is: 'leaving'; readonly done: Promise<void> };

const AWAY: ChannelState = { is: 'away' };

/** What a channel needs from its thread. */
export interface ChannelListener {
  /** False if the thread has no reader any more. */
  readonly isWanted: boolean;
  onMessage(message: Buffer): void;
  /** Redis has ended the subscription, because the channel has moved to another shard. */
  onLost(): void;
  /** The subscription has been removed. */
  onLeft(): void;
}

/** A channel that is subscribed with others. */
export interface SubscribedTogether extends Channel {
  /** Called before the promise of them all. */
  readonly settle: (isSubscribed: boolean) => void;
}

/** The subscription of one thread's channel, on the current connections. */
export class ThreadChannel {
  readonly #name: string;
  readonly #session: RedisSession;
  readonly #listener: ChannelListener;
  #state = AWAY;

  constructor(name: string, session: RedisSession, listener: ChannelListener) {
    this.#name = name;
    this.#session = session;
    this.#listener = listener;
  }

  get isLeaving(): boolean {
    return this.#state.is === 'leaving';
  }

  /** The subscription is confirmed, and stays. */
  isSubscribedOn(connection: RedisConnection): boolean {
    return this.#state.is === 'subscribed' && this.#state.on === connection;
  }

  /** It is not subscribed, nor about to be. */
  get isAway(): boolean {
    return this.#state.is === 'away';
  }

  /** Only if it is away: it is subscribed with others, and `done` is the promise of them all. */
  begin(on: RedisConnection, done: Promise<void>): SubscribedTogether {
    const state: ChannelState = { is: 'subscribing', on, done };
    this.#state = state;
    return {
      name: this.#name,
      listener: this.#onMessage,
      settle: (isSubscribed) => this.#become(isSubscribed ? { is: 'subscribed', on } : AWAY, state),
    };
  }

  /** Resolves when it is subscribed on the current connections, or is not wanted any more. */
  async subscribe(): Promise<void> {
    do {
      if (this.#state.is === 'leaving') await this.#state.done;
      await this.#session.whenUp();
      if (!this.#listener.isWanted) return;
    } while (this.isLeaving);
    const { connection } = this.#session;
    if (connection === undefined) throw this.#session.lastError;
    if (this.isSubscribedOn(connection)) return;
    const isBegun = this.#state.is === 'subscribing' && this.#state.on === connection;
    await (isBegun && this.#state.is === 'subscribing' ? this.#state.done : this.#begin(connection));
  }

  /** The thread has no reader any more. */
  leave(): void {
    const state = this.#state;
    if (state.is === 'leaving') return;
    if (state.is === 'away') this.#listener.onLeft();
    else this.#state = { is: 'leaving', done: this.#unsubscribe(state) };
  }

  #begin(on: RedisConnection): Promise<void> {
    const subscribed = this.#session.subscribe(this.#name, this.#onMessage, this.#onLost);
    const done = subscribed.then(
      () => this.#become({ is: 'subscribed', on }, state),
      (error: unknown) => {
        this.#become(AWAY, state);
        throw error;
      },
    );
    const state: ChannelState = { is: 'subscribing', on, done };
    this.#state = state;
    return done;
  }

  /** Changes the state, unless it has changed meanwhile. */
  #become(next: ChannelState, former: ChannelState): void {
    if (this.#state === former) this.#state = next;
  }

  /** Never rejects. */
  async #unsubscribe(from: ChannelState & { readonly on: RedisConnection }): Promise<void> {
    try {
      // always later, so that the state is `leaving` by then
      await (from.is === 'subscribing' ? from.done : undefined);
      // subscriptions on other connections have ended with them
      if (from.on === this.#session.connection) await this.#session.unsubscribe(this.#name);
    } catch {
      // it ends with its connection
    }
    this.#state = AWAY;
    this.#listener.onLeft();
  }

  readonly #onMessage = (message: Buffer): void => this.#listener.onMessage(message);

  readonly #onLost = (): void => {
    if (!this.isLeaving) this.#state = AWAY;
    this.#listener.onLost();
  };
}
