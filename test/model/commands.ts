import * as fc from 'fast-check';
import type { Lane } from '../../src/index.ts';
import type { ClientModel } from './client-model.ts';
import type { Content } from './contents.ts';
import type { Session } from './session.ts';
import { CLIENTS, THREADS, type World } from './world.ts';

/** Something that a client or the application does, within one turn of the event loop. */
export interface Act {
  readonly name: string;
  readonly perform: (world: World) => void;
}

type Step = fc.AsyncCommand<object, World>;

const thread = fc.constantFrom(...THREADS);
const who = fc.nat({ max: CLIENTS - 1 });

const lane = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Lane>('normal') },
  { weight: 2, arbitrary: fc.constant<Lane>('critical') },
  { weight: 1, arbitrary: fc.constant<Lane>('volatile') },
);

const content = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Content>('small') },
  { weight: 3, arbitrary: fc.constantFrom<Content>('joined', 'single', 'gated') },
  { weight: 1, arbitrary: fc.constantFrom<Content>('fragmented', 'big') },
);

const sendOptions = fc.record({
  lane,
  conflate: rarely(4, fc.constantFrom('x', 'y')),
  expiresInMs: rarely(6, fc.constantFrom(50, 2_000, 30_000)),
  idempotencyKey: rarely(8, fc.constantFrom('k1', 'k2')),
});

/** Once in so many times. */
function rarely<T>(times: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

const send = fc.record({ thread, content, sendOptions }).map(({ thread, content, sendOptions }) => {
  const { lane, conflate, expiresInMs, idempotencyKey } = sendOptions;
  const options = {
    lane,
    ...(conflate === undefined ? {} : { conflate }),
    ...(expiresInMs === undefined ? {} : { expiresInMs }),
    ...(idempotencyKey === undefined || lane === 'volatile' ? {} : { idempotencyKey }),
  };
  return act(`send ${content} ${JSON.stringify(options)} to ${thread}`, (world) =>
    world.send(thread, content, options),
  );
});

const from = fc.constantFrom('own', 'own', 'own', 'now', 'start', 'earlier', 'epoch', 'fork', 'beyond');

const join = fc.record({ who, thread, from, isByWire: fc.boolean() }).map(({ who, thread, from, isByWire }) =>
  act(`${who} joins ${thread} from ${from}${isByWire ? ' by wire' : ''}`, (world) => {
    const client = world.clients[who];
    if (client === undefined) return;
    const session = world.connect(client);
    session.read();
    world.join(session, thread, placeOf(world, client, thread, from), isByWire);
  }),
);

function placeOf(world: World, client: ClientModel, thread: string, from: string): string | undefined {
  const log = world.ledger.current(thread);
  const epoch = log?.epoch ?? 'none';
  const middle = Math.floor((log?.head ?? 0) / 2);
  switch (from) {
    case 'own':
      return client.position(thread);
    case 'start':
      return 'start';
    case 'earlier':
      return `${epoch}.${middle}.${log?.at(middle)?.id ?? ''}`;
    case 'epoch':
      return `another.${middle}.m1`;
    case 'fork':
      return `${epoch}.${middle}.another`;
    case 'beyond':
      return `${epoch}.${(log?.head ?? 0) + 2}.m1`;
    default:
      return undefined;
  }
}

const leave = fc.record({ who, thread }).map(({ who, thread }) => {
  return actOf(who, `leaves ${thread}`, ({ connection }) => connection.leave(thread));
});

const stall = who.map((who) => actOf(who, 'stalls', ({ link }) => link.stall()));
const resume = who.map((who) => actOf(who, 'resumes', ({ link }) => link.resume()));
const hangUp = who.map((who) => actOf(who, 'hangs up', ({ link }) => link.hangUp()));
const evict = who.map((who) => actOf(who, 'is closed', ({ connection }) => connection.close(1008, 'go')));
const breakLink = who.map((who) => actOf(who, 'has a broken link', (session, world) => world.breakLink(session)));
const openGate = fc.constant(act('a source goes on', (world) => world.openGate()));

const loseLog = fc.boolean().map((isLost) =>
  act(isLost ? 'the log is lost' : 'the log is found', (world) => {
    world.log.isLost = isLost;
  }),
);

const sendTwice = fc.record({ thread, content, key: fc.constantFrom('k1', 'k2') }).map(({ thread, content, key }) =>
  act(`send ${content} twice as ${key} to ${thread}`, (world) => {
    for (let i = 0; i < 2; i++) world.send(thread, content, { idempotencyKey: key });
  }),
);

const take = fc.record({ who, bytes: fc.constantFrom(100, 10_000, 300_000, 600_000) }).map(({ who, bytes }) => {
  return actOf(who, `takes ${bytes}`, ({ link }) => link.take(bytes));
});

const anyAct = fc.oneof(
  { weight: 10, arbitrary: send },
  { weight: 5, arbitrary: join },
  { weight: 3, arbitrary: stall },
  { weight: 2, arbitrary: take },
  { weight: 2, arbitrary: resume },
  { weight: 1, arbitrary: leave },
  { weight: 1, arbitrary: hangUp },
  { weight: 1, arbitrary: evict },
  { weight: 1, arbitrary: openGate },
  { weight: 1, arbitrary: loseLog },
  { weight: 1, arbitrary: sendTwice },
  { weight: 1, arbitrary: breakLink },
);

function act(name: string, perform: (world: World) => void): Act {
  return { name, perform };
}

/** An act of a client that has a connection. */
function actOf(who: number, name: string, perform: (session: Session, world: World) => void): Act {
  return act(`${who} ${name}`, (world) => {
    const client = world.clients[who];
    const session = client === undefined ? undefined : world.sessions.get(client);
    if (session?.isLive === true) perform(session, world);
  });
}

/** Acts in one turn, and acts in the turns after it, while the fan-out is under way. */
class Turn implements Step {
  readonly #acts: readonly Act[];
  readonly #interleaved: readonly Act[];

  constructor(acts: readonly Act[], interleaved: readonly Act[]) {
    this.#acts = acts;
    this.#interleaved = interleaved;
  }

  check(): boolean {
    return true;
  }

  async run(_: object, world: World): Promise<void> {
    for (const { perform } of this.#acts) perform(world);
    world.countRecipients();
    world.clock.interleaved.push(
      ...this.#interleaved.map(
        ({ perform }) =>
          () =>
            perform(world),
      ),
    );
    await world.clock.settle();
    world.assertCurrent();
  }

  toString(): string {
    const names = (acts: readonly Act[]): string => acts.map(({ name }) => name).join(', ');
    return `{${names(this.#acts)}${this.#interleaved.length > 0 ? ` | ${names(this.#interleaved)}` : ''}}`;
  }
}

class Pass implements Step {
  readonly #ms: number;
  readonly #isFrozen: boolean;

  constructor(ms: number, isFrozen: boolean) {
    this.#ms = ms;
    this.#isFrozen = isFrozen;
  }

  check(): boolean {
    return true;
  }

  async run(_: object, world: World): Promise<void> {
    const { clock } = world;
    await (this.#isFrozen ? clock.freeze(this.#ms) : clock.advance(this.#ms));
    world.assertCurrent();
  }

  toString(): string {
    return `{${this.#isFrozen ? 'freeze' : 'advance'} ${this.#ms}}`;
  }
}

/** What a world goes through. `replayPath` is that of a failure's report. */
export function steps(maxCommands: number, replayPath: string | undefined): fc.Arbitrary<Iterable<Step>> {
  const turn = fc
    .tuple(fc.array(anyAct, { minLength: 1, maxLength: 6 }), fc.array(anyAct, { maxLength: 3 }))
    .map(([acts, interleaved]) => new Turn(acts, interleaved));
  const pass = fc
    .tuple(fc.constantFrom(100, 1_000, 7_000, 40_000, 90_000), fc.constantFrom(false, false, false, true))
    .map(([ms, isFrozen]) => new Pass(ms, isFrozen));
  return fc.commands([turn, turn, turn, pass], {
    maxCommands,
    size: 'max',
    ...(replayPath === undefined ? {} : { replayPath }),
  });
}
