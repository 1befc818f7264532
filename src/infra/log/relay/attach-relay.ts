import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket, WebSocketServer } from 'ws';
import type { UpgradeServer } from '../../../api/attach.ts';
import type { Clock, TimerHandle } from '../../../api/clock.ts';
import type { DeliveryLog } from '../../../api/log.ts';
import type { MaybePromise } from '../../../api/message.ts';
import { Refusal } from '../../../api/refusal.ts';
import { InvalidOptionError } from '../../errors.ts';
import { checkCount, checkFunction, checkMethods } from '../../option-checks.ts';
import { checkOptions, type OptionTable } from '../../option-table.ts';
import { makeUpgrader, type Handshake } from '../../socket/handshake.ts';
import { queryOf } from '../../socket/request-target.ts';
import { turnAway } from '../../socket/ws-link.ts';
import { routeUpgrades, type Route } from '../../socket/upgrade-router.ts';
import { CLOCK_METHODS, systemClock } from '../../time/clock.ts';
import { closeCodes } from '../../wire/close-codes.ts';
import { Channel, type ChannelPeer } from './channel.ts';
import { encodeRecord, RELAY_SUBPROTOCOL } from './frames.ts';
import { RelayNodes } from './relay-nodes.ts';
import { RelayPeer } from './relay-peer.ts';
import type { RelayDesk } from './requests.ts';
import { RelayTime } from './stored-entry.ts';

/** How often a node hears of its relay at least. */
const HEARTBEAT_MS = 5_000;

const TICK_MS = 1_000;

/** The longest that a sweep holds the event loop. */
const SWEEP_MS = 2;

/** Handshakes that wait for `authenticate`, at most. */
const MAX_PENDING = 64;

const FRAGMENTS = 1_024;

/** How a relay is attached. */
export interface RelayOptions {
  /** The log that the nodes share: `memoryLog()`, or one of Redis or Postgres. The relay does not close it. */
  log: DeliveryLog;
  /**
   * Whether the request comes from one of your nodes. A node may read and write every thread: check a secret. `token` is that of the node's
   * pool. An error that it throws refuses the node.
   */
  authenticate(
    this: void,
    request: IncomingMessage,
    context: { readonly token: string | undefined },
  ): MaybePromise<boolean>;
  /** The exact path, without a query. @default '/relay' */
  path?: string | undefined;
  /** Largest frame of a node, in bytes: its largest message, and a little more. @default 128 MiB */
  maxPayload?: number | undefined;
  /** A node with more unsent bytes is cut off. It connects again, and reads from the log what it has missed. @default 64 MiB */
  maxBufferedBytes?: number | undefined;
  /** @default the system's monotonic clock */
  clock?: Clock | undefined;
}

/** An attached relay. */
export interface Relay {
  /** Connected nodes. */
  readonly nodes: number;
  /** Cuts the nodes off. They try to come back. The log stays open. A second call has no effect. */
  close(): void;
}

const RELAY_OPTIONS: OptionTable<RelayOptions> = {
  log: 'any',
  authenticate: 'function',
  path: 'text',
  maxPayload: 'number',
  maxBufferedBytes: 'number',
  clock: 'any',
};

const LOG_METHODS = ['append', 'readAfter', 'readBefore', 'position', 'subscribe', 'sweep', 'close'] as const;

/**
 * Serves a log to other processes, whose hubs use it by `relayLog`. The process itself has no hub on this log.
 *
 * ```ts
 * attachRelay(server, { log: memoryLog(), authenticate: (_request, { token }) => token === process.env.RELAY_TOKEN });
 * ```
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function attachRelay(server: UpgradeServer, options: RelayOptions): Relay {
  return new RelayServer(server, options);
}

class RelayServer implements Relay, Route {
  readonly #desk: RelayDesk;
  readonly #authenticate: RelayOptions['authenticate'];
  readonly #maxBufferedBytes: number;
  readonly #channels = new Map<string, Channel>();
  readonly #peers = new Set<RelayPeer>();
  readonly #upgrader: WebSocketServer;
  readonly #unroute: () => void;
  #timer: TimerHandle;
  #ticks = 0;
  #sweptAt = -1;
  #pending = 0;
  #isClosed = false;

  constructor(server: UpgradeServer, options: RelayOptions) {
    checkOptions<RelayOptions>(options, RELAY_OPTIONS, 'relay');
    const log = checkMethods('relay.log', options.log, LOG_METHODS);
    const authenticate = checkFunction('relay.authenticate', options.authenticate);
    if (log === undefined) throw new InvalidOptionError({ option: 'relay.log', expected: 'a log' });
    if (authenticate === undefined)
      throw new InvalidOptionError({ option: 'relay.authenticate', expected: 'a function: nodes may do everything' });
    const clock = checkMethods('relay.clock', options.clock, CLOCK_METHODS) ?? systemClock;
    const time = new RelayTime(clock);
    this.#authenticate = authenticate;
    this.#maxBufferedBytes = checkCount('relay.maxBufferedBytes', options.maxBufferedBytes, 64 * 1_048_576, { min: 1 });
    this.#desk = {
      log,
      clock,
      time,
      nodes: new RelayNodes(log, clock),
      known: (threadId) => this.#channels.get(threadId),
      channel: (threadId) => {
        const channel = this.#channels.get(threadId) ?? new Channel(threadId, log, time);
        this.#channels.set(threadId, channel);
        return channel;
      },
      leave: (threadId, peer) => this.#leave(threadId, peer),
      sweep: () => this.#sweep(),
    };
    const maxPayload = checkCount('relay.maxPayload', options.maxPayload, 128 * 1_048_576, { min: 1_024 });
    this.#upgrader = makeUpgrader({
      protocol: RELAY_SUBPROTOCOL,
      maxPayload,
      maxFragments: FRAGMENTS,
      compress: false,
    });
    this.#unroute = routeUpgrades(server, options.path ?? '/relay', this);
    this.#tick();
  }

  get nodes(): number {
    return this.#peers.size;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unroute();
    this.#desk.clock.clearTimeout(this.#timer);
    for (const peer of this.#peers) peer.close(closeCodes.drain.code, closeCodes.drain.reason);
    for (const channel of this.#channels.values()) channel.end();
    this.#channels.clear();
  }

  // --- Route

  take(handshake: Handshake): void {
    const offered = handshake.request.headers['sec-websocket-protocol'] ?? '';
    if (!offered.split(/\s*,\s*/).includes(RELAY_SUBPROTOCOL)) handshake.refuse(new Refusal(400, 'not a relay'));
    else if (this.#pending >= MAX_PENDING) handshake.refuse(new Refusal(503));
    else void this.#admit(handshake);
  }

  missed(): void {}

  /** Never rejects. */
  async #admit(handshake: Handshake): Promise<void> {
    const { request } = handshake;
    const { code, reason } = closeCodes.unauthenticated;
    this.#pending++;
    try {
      const token = queryOf(request).get('token') ?? undefined;
      const isNode: unknown = await this.#authenticate(request, { token });
      if (this.#isClosed) handshake.refuse(new Refusal(503));
      // readable for the node: of a 401 its WebSocket would not say why
      else if (isNode !== true) handshake.turnAway(this.#upgrader, (socket) => turnAway(socket, code, reason));
      else handshake.complete(this.#upgrader, (...sockets) => this.#open(...sockets));
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
      handshake.refuse(new Refusal(500));
    } finally {
      this.#pending--;
    }
  }

  #open(webSocket: WebSocket, socket: Socket): void {
    const peer = new RelayPeer(webSocket, socket, this.#desk, this.#maxBufferedBytes);
    this.#peers.add(peer);
    webSocket.on('close', () => this.#peers.delete(peer));
    peer.send(encodeRecord({ t: 'hello', pingMs: HEARTBEAT_MS }));
  }

  #leave(threadId: string, peer: ChannelPeer): void {
    const channel = this.#channels.get(threadId);
    if (channel?.peers.delete(peer) !== true || channel.peers.size > 0) return;
    this.#channels.delete(threadId);
    channel.end();
  }

  readonly #tick = (): void => {
    const { clock, nodes } = this.#desk;
    this.#timer = clock.setTimeout(this.#tick, TICK_MS);
    const record = encodeRecord({ t: 'hb' });
    if (this.#ticks++ % (HEARTBEAT_MS / TICK_MS) === 0) for (const peer of this.#peers) peer.send(record);
    nodes.expire().catch((error: unknown) => process.emitWarning(error instanceof Error ? error : String(error)));
    this.#sweep();
  };

  /** No hub sweeps this log. */
  #sweep(): void {
    const { clock, log } = this.#desk;
    const now = clock.now();
    if (now === this.#sweptAt) return;
    this.#sweptAt = now;
    try {
      log.sweep(() => clock.now() - now > SWEEP_MS);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}
