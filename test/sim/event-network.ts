import type { Clock } from '../../src/index.ts';
import type { Latency } from '../../src/testing/index.ts';
import type { Dice } from './dice.ts';
import { EventLine, type Proxy } from './event-line.ts';
import type { Fault } from './faults.ts';
import type { Ledger } from './ledger.ts';
import type { PostFate } from './post-fates.ts';
import type { SimNode } from './sim-node.ts';

/** What the requests of one page pass through. */
export interface EventNetworkOptions {
  readonly clock: Clock;
  readonly dice: Dice;
  readonly ledger: Ledger;
  readonly latency: Latency;
  readonly faults: readonly Fault[];
  readonly userId: string;
  /** A load balancer, which sends later requests of a connection to the same node. */
  readonly pick: () => SimNode;
  /** The page has asked for events. */
  readonly onLine: (line: EventLine) => void;
  /** The page has gone. */
  readonly isDead: () => boolean;
  readonly complain: (what: string) => void;
  readonly accepted: (connectionId: string) => void;
}

type Fate = 'passes' | PostFate;

const LOST: readonly (readonly [weight: number, fate: Fate])[] = [
  [1, 'lost'],
  [1, 'cut'],
  [2, 'answer lost'],
];

const ODD: readonly (readonly [weight: number, fate: Fate])[] = [
  [2, 'comes twice'],
  [2, 'overtaken'],
  [1, 'slow'],
];

/** `fetch` of a page, in one process and on one clock: for `GET` a response that stays open, for `POST` frames. */
export class EventNetwork {
  readonly #options: EventNetworkOptions;
  readonly #fates: readonly (readonly [weight: number, fate: Fate])[];
  readonly #lines = new WeakMap<AbortSignal, { readonly line: EventLine; node: SimNode | undefined }>();

  #isHealed = false;
  /** It has had a connection before. */
  #hasBegun = false;

  constructor(options: EventNetworkOptions) {
    const has = (fault: Fault): boolean => options.faults.includes(fault);
    this.#options = options;
    this.#fates = [
      [60, 'passes'],
      ...(has('cut') ? LOST : []),
      ...(has('silence') ? [[1, 'vanishes'] as const] : []),
      ...(options.faults.length > 0 ? ODD : []),
    ];
  }

  /** All is well from now on. */
  heal(): void {
    this.#isHealed = true;
  }

  readonly fetch = (url: string, { method, body, signal }: RequestInit): Promise<Response> => {
    if (signal === undefined || signal === null) throw new Error('a request that cannot be aborted');
    return method === 'POST' ? this.#post(url, typeof body === 'string' ? body : '', signal) : this.#get(url, signal);
  };

  #get(url: string, signal: AbortSignal): Promise<Response> {
    const { clock, dice, ledger, latency, faults, userId, pick, onLine, isDead, complain } = this.#options;
    const proxy = !this.#isHealed && faults.includes('stall') && dice.chance(0.3) ? drawProxy(dice) : undefined;
    if (proxy !== undefined) ledger.note('sse proxy');
    // a line that is busy, or far away: the answers to other requests overtake what it carries
    const lagMs = faults.length > 0 && dice.chance(0.2) ? dice.pick([50, 400]) : 0;
    const line = new EventLine({
      clock,
      dice,
      latency: lagMs === 0 ? latency : (to) => latency(to) + lagMs,
      proxy,
      splits: dice.chance(0.5),
      complain,
      accepted: (id) => this.#accepted(id),
    });
    const way: { readonly line: EventLine; node: SimNode | undefined } = { line, node: undefined };
    this.#lines.set(signal, way);
    signal.addEventListener('abort', () => line.hangUp(), { once: true });
    onLine(line);
    clock.setTimeout(
      () => {
        if (line.isFarGone || line.isSilent || isDead()) return;
        way.node = pick();
        // no process answers: the balancer says so, or its machine does
        if (!way.node.openEvents(line, url, userId)) line.refuse([undefined, 502, 503][dice.int(0, 2)]);
      },
      2 * latency('hub'),
    );
    return line.response;
  }

  #accepted(connectionId: string): void {
    const { ledger, accepted } = this.#options;
    ledger.note(this.#hasBegun ? 'sse resume' : 'sse connection');
    this.#hasBegun = true;
    accepted(connectionId);
  }

  #post(url: string, body: string, signal: AbortSignal): Promise<Response> {
    const { clock, dice, ledger, latency, isDead } = this.#options;
    const way = this.#lines.get(signal);
    const fate = way?.line.isSilent === true ? 'vanishes' : this.#isHealed ? 'passes' : dice.weighted(this.#fates);
    ledger.note('sse post');
    if (fate !== 'passes') ledger.note(`sse post: ${fate}`);
    if (fate === 'lost' || fate === 'cut' || fate === 'answer lost') way?.line.trouble();
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new TypeError('fetch failed'));
      signal.addEventListener('abort', fail, { once: true });
      const answered = (status: number | undefined): void => {
        clock.setTimeout(() => {
          if (way?.line.isSilent === true || isDead()) return;
          signal.removeEventListener('abort', fail);
          if (status === undefined || fate === 'answer lost' || fate === 'cut') fail();
          else resolve(new Response(null, { status }));
        }, latency('client'));
      };
      const send = (delayMs: number, answer: (status: number | undefined) => void): void => {
        const cutAt = fate === 'cut' ? dice.int(0, body.length) : undefined;
        clock.setTimeout(() => {
          if (way?.node?.post(url, body, cutAt, answer) !== true) answer(undefined);
        }, delayMs);
      };
      const lateMs = latency('hub') + dice.pick([1, 40, 400, 4_000]);
      if (fate === 'vanishes') return way?.line.deafen();
      if (fate === 'lost') answered(undefined);
      else if (fate === 'slow') send(lateMs, answered);
      else send(latency('hub'), answered);
      // who sends a request again whose connection was lost may have it carried out twice, the first time after others
      if (fate === 'comes twice') send(latency('hub'), () => {});
      if (fate === 'overtaken') send(lateMs, () => {});
      return undefined;
    });
  }
}

function drawProxy(dice: Dice): Proxy {
  return { bytes: dice.pick([512, 4_096, 16_384]), ms: dice.pick([50, 500, 2_000]) };
}
