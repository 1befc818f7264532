import { encodeRequest } from './frames.ts';
import { ConnectionFailingError } from './errors.ts';
import { fieldsOf, numberOf, textOf, type Fields } from './fields.ts';
import { backoffDelay, GOOD_WAITS, laterDelay, LONGEST_RETRY_MS } from './backoff.ts';
import { reconnectAfter, UNAUTHENTICATED } from './close-codes.ts';
import { isOffline, watchEnvironment } from './environment.ts';
import { invalidUrl, type ClientSettings } from './options.ts';
import { HeartbeatWatchdog } from './heartbeat-watchdog.ts';
import { Timer } from './clock.ts';
import { addressOf, OPEN, type Frame, type WebSocketLike } from './socket.ts';
import type { ClientState, ConnectionListener, StateChange } from './connection-states.ts';

/** Failures in a row after which the client reports an error. */
const FAILURES_TOLD = 5;

/** A socket that ends within this time after the page woke has ended before. */
const AWAKE_MS = 5_000;

/** Opens one socket after another: it waits and opens again, until it is closed for good. */
export class ServerConnection {
  readonly #watchdog: HeartbeatWatchdog;
  readonly #settings: ClientSettings;
  readonly #listener: ConnectionListener;
  /** The timer of the attempt until `hello`, or of the wait. */
  readonly #timer: Timer;
  state: ClientState = 'connecting';
  /** The attempt, or connection, for which a fresh token is awaited while it is open. */
  #renewing = 0;
  #socket: WebSocketLike | undefined;
  #attempt = 0;
  /** The attempt after a 4401 has begun, with a fresh token: the next 4401 ends the client. */
  #hasFreshToken = false;
  /** Counts from 1, also what ends an attempt. */
  #dials = 1;
  #openedAt = 0;
  /** This socket's server has said `hello`. */
  #isGreeted = false;
  #failures = 0;
  /** Clients of this server come back over so long a time. */
  #spreadMs: number | undefined;
  /** The delay that the server asked for with `bye`, after the end of this socket. */
  retryMs: number | undefined;
  /** No attempt before this time, whatever the network does: the server asked for it. */
  #notBefore = 0;
  /** When the page woke last, unless an attempt followed. */
  #wokeAt = -Infinity;
  /** Since the socket opened; never is long ago. */
  #offlineAt = -Infinity;
  #unwatch = (): void => {};

  constructor(settings: ClientSettings, listener: ConnectionListener) {
    this.#settings = settings;
    this.#listener = listener;
    this.#timer = new Timer(settings.clock);
    this.#watchdog = new HeartbeatWatchdog(settings.clock, () => this.#drop('silent'));
  }

  /** The first attempt. @throws InvalidOptionError if the WebSocket constructor rejects the URL */
  start(): void {
    try {
      this.#dial();
    } catch (error) {
      this.#forgetSocket();
      throw invalidUrl(error);
    }
    this.#unwatch = watchEnvironment(
      () => {
        this.#offlineAt = this.#now();
      },
      () => this.#onOnline(),
      () => this.#wake(),
    );
  }

  /** Hands a frame to the socket; false if there is no open one. */
  send(frame: Frame): boolean {
    const socket = this.#socket;
    if (this.state !== 'open' || socket?.readyState !== OPEN) return false;
    try {
      socket.send(frame);
      return true;
    } catch (error) {
      this.#listener.report(error);
      return false;
    }
  }

  /** The server has said `hello`: it is the hub, not only a proxy that accepts connections. */
  greeted(pingMs: number | undefined, spreadMs: number | undefined): void {
    this.#spreadMs = spreadMs;
    this.#isGreeted = true;
    this.#timer.clear();
    if (pingMs) this.#watchdog.expect(pingMs);
  }

  /** For good. */
  close(code = 1000, reason = 'closed'): void {
    if (this.state === 'closed') return;
    const socket = this.#forgetSocket();
    this.#unwatch();
    this.#step('closed', { code, reason });
    this.#hangUp(socket);
  }

  #dial(): void {
    const { token, connectTimeoutMs } = this.#settings;
    this.#timer.set(connectTimeoutMs, () => this.#drop('timeout'));
    if (typeof token === 'function') void this.#ask(token, (fresh) => this.#open(fresh));
    else this.#open(token);
  }

  /** The session ends soon, and the server waits for a fresh token. Without one it asks again. */
  renew(): void {
    const { token } = this.#settings;
    if (typeof token !== 'function' || this.#renewing === this.#dials) return;
    this.#renewing = this.#dials;
    void this.#ask(token, (fresh) => {
      this.#renewing = 0;
      this.send(encodeRequest({ t: 'renew', token: fresh }));
    });
  }

  /** Never rejects. */
  async #ask(token: () => string | Promise<string>, use: (fresh: string) => void): Promise<void> {
    const dial = this.#dials;
    try {
      // not in this turn: the application still has to add its `error` listener
      const fresh = await Promise.resolve().then(token);
      if (dial === this.#dials) use(fresh);
    } catch (error) {
      if (dial !== this.#dials) return;
      this.#renewing = 0;
      this.#fail(error);
    }
  }

  #open(token: string | undefined): void {
    const { url, open, cid } = this.#settings;
    const socket = open(addressOf(url, cid, token));
    this.#socket = socket;
    const listen = (type: 'open' | 'message' | 'close' | 'error', listener: (event: Fields) => void): void =>
      socket.addEventListener(type, (event) => {
        if (this.#socket === socket) listener(fieldsOf(event));
      });
    listen('open', () => {
      this.#openedAt = this.#now();
      this.#offlineAt = -Infinity;
      this.#watchdog.start();
      this.#step('open');
    });
    listen('message', (event) => {
      this.#watchdog.heardAt = this.#now();
      this.#listener.onData(event['data']);
    });
    listen('close', (event) => {
      const { code, reason } = event;
      this.#onClose(numberOf(code) ?? 1006, textOf(reason) ?? '');
    });
    // a close event follows; `ws` would throw without a listener
    listen('error', () => {});
  }

  #onClose(code: number, reason: string): void {
    const reconnect = reconnectAfter(code);
    const { backoff, random, token } = this.#settings;
    const now = this.#now();
    const hasLasted = this.state === 'open' && now - this.#openedAt >= GOOD_WAITS * backoff.minMs;
    if (hasLasted) {
      this.#attempt = 0;
      this.#hasFreshToken = false;
    }
    if (reconnect === 'never') {
      // the token may have expired: a fresh one is worth one attempt
      if (code !== UNAUTHENTICATED || typeof token !== 'function' || this.#hasFreshToken) {
        this.close(code, reason);
        return;
      }
      this.#hasFreshToken = true;
    }
    const isGreeted = this.#isGreeted;
    this.#forgetSocket();
    if (isGreeted && (hasLasted || reconnect === 'resume')) this.#failures = 0;
    else if (!isOffline()) this.#failures++;
    const asked = Math.min(this.retryMs ?? (reconnect === 'later' ? laterDelay(backoff, random) : 0), LONGEST_RETRY_MS);
    this.retryMs = undefined;
    this.#notBefore = now + asked;
    // a server that closes again and again does not set our pace
    const delay =
      asked && hasLasted ? asked : Math.max(asked, backoffDelay(backoff, ++this.#attempt, random, this.#spreadMs));
    // `onLine` may be wrong, for example in a network without internet: so it slows us down, but does not stop us
    const retryInMs = isOffline() ? Math.max(delay, backoff.maxMs) : delay;
    this.#timer.set(retryInMs, () => this.#retry());
    const failures = this.#failures;
    this.#step('waiting', { code, reason, failures, retryInMs });
    if (failures === FAILURES_TOLD)
      this.#listener.report(new ConnectionFailingError({ attempts: failures, closeCode: code, reason }));
    // the browser reports what happened while the page slept only after it woke
    if (now - this.#wokeAt < AWAKE_MS) {
      this.#wokeAt = -Infinity;
      this.#wake();
    }
  }

  /** Gives the socket up without waiting for its close event, which may take minutes. */
  #drop(reason: string): void {
    const socket = this.#forgetSocket();
    this.#onClose(1006, reason);
    this.#hangUp(socket);
  }

  #fail(error: unknown): void {
    this.#listener.report(error);
    if (this.state === 'connecting') this.#onClose(1006, 'failed');
  }

  #retry(): void {
    if (this.state !== 'waiting') return;
    this.#timer.clear();
    if (!this.#step('connecting')) return;
    try {
      this.#dial();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** An attempt may succeed now. */
  #wake(): void {
    if (this.state === 'waiting' && this.#now() >= this.#notBefore) this.#retry();
    else this.#wokeAt = this.#now();
  }

  #onOnline(): void {
    // a socket of the old network may hang for minutes, unless it has delivered data since then
    if (this.state === 'open' && this.#watchdog.heardAt <= this.#offlineAt) this.#drop('network changed');
    this.#offlineAt = -Infinity;
    this.#wake();
  }

  #forgetSocket(): WebSocketLike | undefined {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isGreeted = false;
    this.#dials++;
    this.#timer.clear();
    this.#watchdog.stop();
    return socket;
  }

  #hangUp(socket: WebSocketLike | undefined): void {
    try {
      socket?.close(1000, 'closed');
    } catch (error) {
      this.#listener.report(error);
    }
  }

  /** False if a listener has changed the state meanwhile. */
  #step(to: ClientState, facts: Omit<StateChange, 'from' | 'to'> = {}): boolean {
    const from = this.state;
    this.state = to;
    this.#listener.onState({ from, to, ...facts });
    return this.state === to;
  }

  #now(): number {
    return this.#settings.clock.now();
  }
}
