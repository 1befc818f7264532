import { checkOptions } from '../client/check-options.ts';
import { InvalidOptionError } from '../client/errors.ts';
import { environment } from '../client/environment.ts';
import { randomId, resolveOptions, type ClientSettings, type ConnectOptions } from '../client/options.ts';
import type { OpenSocket } from '../client/socket.ts';
import { RELAY_SUBPROTOCOL } from '../infra/log/relay/frames.ts';
import { checkMethods } from '../infra/option-checks.ts';
import { checkObservers, type Observers } from '../infra/telemetry/check-observers.ts';
import type { PoolConnectionPolicy } from '../machines/pool-connection.ts';
import type { PoolOptions, PoolSize, PoolUrl } from './api.ts';

/** Most connections of a pool. */
const MAX_SIZE = 1_024;

/** Other hubs take the threads of one that is down. */
const COOLDOWN_MS = 30_000;
/** No other one has the log: each second without it fails sends. */
const RELAY_COOLDOWN_MS = 2_000;

/** The options with every default filled in. */
export interface PoolSettings extends Observers {
  /** One for each hub, for its lines. */
  readonly lines: readonly ClientSettings[];
  /** The same, with the subprotocol of relays. */
  readonly relayLines: readonly ClientSettings[];
  /** For the threads. */
  readonly threads: ClientSettings;
  readonly policy: PoolConnectionPolicy;
  /** Of the one connection of a log over a relay. */
  readonly relayPolicy: PoolConnectionPolicy;
  readonly minSize: number;
  readonly maxSize: number;
  readonly threadsPerConnection: number;
  readonly idleMs: number;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
}

/** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
export function resolvePoolOptions(options: PoolOptions): PoolSettings {
  const {
    url,
    urls,
    size = 2,
    threadsPerConnection = 1_000,
    idleMs = 60_000,
    retryDelaysMs = [1_000, 2_000, 4_000],
    breakerThreshold = 5,
    cooldownMs,
    settleMs = 5_000,
    maxQueued = 16_384,
    maxQueuedBytes = 64 * 1_048_576,
    inspect,
    tracer,
    meter,
    ...ofClient
  } = checkOptions<PoolOptions>(options, {
    url: 'string|object',
    urls: 'object',
    size: 'number|object',
    token: 'string|function',
    WebSocket: 'function',
    connectTimeoutMs: 1,
    publishTimeoutMs: 1,
    maxBuffered: 2,
    maxMessageBytes: 1,
    inbox: 'object',
    values: 'function',
    clock: 'object',
    random: 'function',
    newId: 'function',
    threadsPerConnection: 1,
    idleMs: 1,
    retryDelaysMs: 'object',
    breakerThreshold: 1,
    cooldownMs: 1,
    settleMs: 1,
    maxQueued: 1,
    maxQueuedBytes: 1,
    inspect: 'object|function',
    tracer: 'object',
    meter: 'object',
  });
  checkMethods('clock', ofClient.clock, ['now', 'setTimeout', 'clearTimeout']);
  // one client for the hubs, on whichever line: its ids are its own, if it has no user
  const cid = randomId().padEnd(22, '-');
  // the machine waits, not the line
  const backoff = { minMs: 1, maxMs: 1 };
  const lines = hubsOf(url, urls).map((hub) => ({ ...resolveAddress(hub, ofClient), maxQueued, cid, backoff }));
  const { WebSocket = environment.WebSocket } = ofClient;
  const open: OpenSocket = (to) => {
    if (WebSocket === undefined) throw new InvalidOptionError({ option: 'WebSocket', expected: 'function' });
    const socket = new WebSocket(to, RELAY_SUBPROTOCOL);
    // `ws` copies each message for an ArrayBuffer; others do not know its type
    socket.binaryType = 'nodebuffer';
    if (socket.binaryType !== 'nodebuffer') socket.binaryType = 'arraybuffer';
    return socket;
  };
  const policy = { retryDelaysMs: checkDelays(retryDelaysMs), breakerThreshold, settleMs };
  return {
    lines,
    relayLines: lines.map((line) => ({ ...line, open })),
    threads: resolveAddress(hubsOf(url, urls)[0] ?? '', ofClient),
    policy: { ...policy, cooldownMs: cooldownMs ?? COOLDOWN_MS },
    relayPolicy: { ...policy, cooldownMs: cooldownMs ?? RELAY_COOLDOWN_MS },
    ...limitsOf(size),
    threadsPerConnection,
    idleMs,
    maxQueued,
    maxQueuedBytes,
    ...checkObservers({ inspect, tracer, meter }),
  };
}

/** Of a Unix socket, too: `ws+unix:/run/hub.sock:/ws`, with the `WebSocket` of the `ws` package. */
function resolveAddress(url: PoolUrl, options: ConnectOptions): ClientSettings {
  const text = String(url);
  if (!text.startsWith('ws+unix:')) return resolveOptions(text, options);
  return { ...resolveOptions('ws:', options), url: text };
}

function hubsOf(url: PoolUrl | undefined, urls: readonly PoolUrl[] | undefined): readonly PoolUrl[] {
  const expected = 'either `url`, or `urls` with one at least';
  if ((url === undefined) === (urls === undefined)) throw new InvalidOptionError({ option: 'url', expected });
  const hubs = url === undefined ? urls : [url];
  if (!Array.isArray(hubs) || hubs.length === 0) throw new InvalidOptionError({ option: 'urls', expected });
  return hubs;
}

function limitsOf(size: number | PoolSize): { readonly minSize: number; readonly maxSize: number } {
  const { min = 1, max = Math.max(min, 4) } =
    typeof size === 'number' ? { min: size, max: size } : checkOptions<PoolSize>(size, { min: 1, max: 1 });
  const isCount = Number.isInteger(min) && Number.isInteger(max) && min >= 1 && max >= min && max <= MAX_SIZE;
  if (!isCount)
    throw new InvalidOptionError({ option: 'size', expected: `whole numbers from 1 to ${MAX_SIZE}, min to max` });
  return { minSize: min, maxSize: max };
}

function checkDelays(delays: readonly number[]): readonly number[] {
  const isRight =
    Array.isArray(delays) &&
    delays.length > 0 &&
    delays.every((ms) => typeof ms === 'number' && ms >= 1 && ms < 2 ** 31);
  if (isRight) return [...delays];
  throw new InvalidOptionError({ option: 'retryDelaysMs', expected: 'waits in milliseconds, one at least' });
}
