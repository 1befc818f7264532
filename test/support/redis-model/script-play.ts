import { APPEND, APPENDS } from '../../../src/infra/log/redis/append-scripts.ts';
import * as batch from '../../../src/infra/log/redis/batch-scripts.ts';
import * as scripts from '../../../src/infra/log/redis/scripts.ts';
import type { Script } from '../../../src/infra/log/redis/scripts.ts';
import { DROP_VALUES, READ_VALUES, SET_VALUE } from '../../../src/infra/log/redis/value-scripts.ts';

/** Chance, for what is played. */
export interface Chance {
  int(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(all: readonly T[]): T;
}

export type Argument = string | Buffer;

/** A call of a script. */
export interface ScriptCall {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
}

const THREADS = ['a', 'b'];
const KINDS = ['log', 'position', 'nodes', 'members', 'answers', 'values'] as const;
type Kind = (typeof KINDS)[number];

export const keyOf = (thread: string, kind: Kind): string => `tc:v2:{${thread}}:${kind}`;
export const channelOf = (thread: string): string => `tc:v2:{${thread}}:news`;
export const CHANNELS = THREADS.map(channelOf);
export const NODES = 'tc:v2:nodes';
export const KEYS = [...THREADS.flatMap((thread) => KINDS.map((kind) => keyOf(thread, kind))), NODES];

const LIFE = '500000';
const BEGUN_AT = 1_700_000_000_000;

/** Draws calls of each script of the log with arguments as the log has them, in ranges that are small enough for all branches. */
export class ScriptPlay {
  readonly #chance: Chance;
  /** In milliseconds. Each call may be a little later than the one before. */
  #now = BEGUN_AT;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  next(): ScriptCall {
    this.#now += this.#chance.int(0, 30);
    const [name, draw] = this.#chance.pick(Object.entries(this.#calls));
    const call = draw(this.#chance.pick(THREADS));
    return this.#chance.chance(0.04) ? this.#spoilt(call, name) : call;
  }

  /** With an argument that is not right. */
  #spoilt(call: ScriptCall, name: string): ScriptCall {
    const at = this.#chance.int(0, call.args.length - 1);
    // a loop with steps of 0 has no end in Lua 5.1
    if (name === 'read' && at === 3) return call;
    const wrong = this.#chance.pick(['', 'x', '-1', '1.5', '0x10', ' 7 ']);
    // without a time, each takes its own
    return at === 0 && wrong === '' ? call : { ...call, args: call.args.with(at, wrong) };
  }

  get #time(): string {
    return String(this.#now);
  }

  /** Where the key itself lives as long as what is in it: no key expires on the real clock meanwhile. */
  get #longTime(): string {
    return String(BEGUN_AT + (this.#now - BEGUN_AT) * 2_000);
  }

  #int = (min: number, max: number): string => String(this.#chance.int(min, max));
  #pick = <T>(all: readonly T[]): T => this.#chance.pick(all);
  #node = (): string => this.#pick(['n1', 'n2', 'n3']);
  #id = (): string => this.#pick(['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9', 'm%d', 'm.-']);
  #epoch = (): string => this.#pick(['', 'e1', 'e1', 'e2', 'd_e3']);
  #upload = (): string => this.#pick(['u1', 'u2']);

  #common(): string[] {
    return this.#chance.chance(0.5)
      ? [this.#time, this.#int(1, 4), this.#int(60, 400), this.#int(50, 900), this.#int(50, 900), LIFE]
      : [this.#time, '1000', '1000000', '3600000', '300000', LIFE];
  }

  #message(): Argument[] {
    const isUpload = this.#chance.chance(0.15);
    const amends = this.#chance.chance(0.3) ? `${this.#pick(['+', '-'])}${this.#id()}` : '';
    const header = amends === '' ? '{"v":1,"b":"n1"}' : `{"v":1,"b":"n1","e":"r","r":"${amends.slice(1)}"}`;
    const body = this.#pick([
      '{"n":1}',
      '"ä€😀"',
      Buffer.from([0, 255, 10, 13, 37, 0]),
      `"${'x'.repeat(this.#chance.int(0, 90))}"`,
    ]);
    const upload = `${this.#upload()} ${this.#int(1, 2)} ${this.#int(3, 8)}`;
    return [this.#id(), isUpload ? 'L' : 'E', header, isUpload ? upload : body, amends];
  }

  #messages(): Argument[][] {
    return Array.from({ length: this.#chance.int(1, 3) }, () => this.#message());
  }

  readonly #calls: Readonly<Record<string, (thread: string) => ScriptCall>> = {
    append: (t) => ({
      script: APPEND,
      keys: [keyOf(t, 'log'), keyOf(t, 'position')],
      args: [
        ...this.#common(),
        this.#epoch(),
        this.#int(0, 3),
        this.#id(),
        channelOf(t),
        'PUBLISH',
        this.#pick(['20', '65536']),
        ...this.#messages().flat(),
      ],
    }),
    appends: () => ({
      script: APPENDS,
      keys: THREADS.flatMap((t) => [keyOf(t, 'log'), keyOf(t, 'position')]),
      args: [
        ...this.#common(),
        this.#pick(['20', '65536']),
        ...THREADS.flatMap((t) => {
          const messages = this.#messages();
          return [this.#pick(['e1', 'e2']), channelOf(t), String(messages.length), ...messages.flat()];
        }),
      ],
    }),
    stage: (t) => ({
      script: scripts.STAGE,
      keys: [keyOf(t, 'log')],
      args: [this.#time, this.#upload(), this.#int(0, 1), 'p'.repeat(this.#chance.int(2, 4)), this.#int(20, 500), LIFE],
    }),
    stand: (t) => ({ script: scripts.STAND, keys: [keyOf(t, 'log')], args: [this.#time] }),
    anchor: (t) => ({
      script: scripts.ANCHOR,
      keys: [keyOf(t, 'log'), keyOf(t, 'position')],
      args: [
        ...this.#common(),
        this.#epoch(),
        this.#int(0, 3),
        this.#id(),
        this.#epoch(),
        this.#int(0, 5),
        ...(this.#chance.chance(0.3) ? ['400000'] : []),
      ],
    }),
    read: (t) => {
      const isUp = this.#chance.chance(0.5);
      const range = isUp ? [this.#int(1, 5), this.#pick(['+', '7'])] : [this.#int(1, 9), this.#int(1, 3)];
      const args = [this.#epoch(), ...range, isUp ? '1' : '-1', this.#int(1, 5), this.#int(20, 500)];
      return { script: scripts.READ, keys: [keyOf(t, 'log')], args };
    },
    keep: (t) => ({
      script: scripts.KEEP_POSITION,
      keys: [keyOf(t, 'position')],
      args: [this.#pick(['e1', 'e2', 'd_e3']), this.#int(0, 6), this.#id(), LIFE],
    }),
    keeps: () => ({
      script: batch.KEEP_POSITIONS,
      keys: THREADS.map((t) => keyOf(t, 'position')),
      args: [LIFE, ...THREADS.flatMap(() => [this.#pick(['e1', 'e2']), this.#int(0, 6), this.#id()])],
    }),
    heads: () => ({ script: batch.HEADS, keys: THREADS.map((t) => keyOf(t, 'log')), args: this.#common() }),
    anchors: () => ({
      script: batch.ANCHORS,
      keys: THREADS.flatMap((t) => [keyOf(t, 'log'), keyOf(t, 'position')]),
      args: [...this.#common(), ...THREADS.flatMap(() => [this.#pick(['e1', 'e2']), this.#epoch(), this.#int(0, 5)])],
    }),
    ids: () => ({
      script: batch.IDS,
      keys: THREADS.map((t) => keyOf(t, 'log')),
      args: THREADS.flatMap(() => [this.#epoch(), this.#int(1, 9), this.#int(1, 3)]),
    }),
    announce: (t) => ({
      script: scripts.ANNOUNCE,
      keys: [keyOf(t, 'nodes')],
      args: [this.#node(), this.#int(0, 3), LIFE],
    }),
    announcements: () => ({
      script: batch.ANNOUNCEMENTS,
      keys: THREADS.map((t) => keyOf(t, 'nodes')),
      args: [this.#node(), LIFE, ...THREADS.map(() => this.#int(0, 2))],
    }),
    beat: () => ({
      script: scripts.BEAT,
      keys: [NODES],
      args: [this.#longTime, this.#node(), this.#int(100_000, 1_800_000)],
    }),
    enlist: (t) => ({
      script: scripts.ENLIST,
      keys: [keyOf(t, 'members')],
      args: [LIFE, `${this.#node()} u1`, `${this.#node()} u2`],
    }),
    enlistments: () => ({
      script: batch.ENLISTMENTS,
      keys: THREADS.map((t) => keyOf(t, 'members')),
      args: [LIFE, ...THREADS.map(() => `${this.#node()} u${this.#int(1, 4)}`)],
    }),
    claim: (t) => this.#answering(scripts.CLAIM, t, this.#node(), this.#pick(['', 'n1'])),
    answer: (t) => this.#answering(scripts.ANSWER, t, this.#pick(['{"a":1}', 'é\n'])),
    release: (t) => this.#answering(scripts.RELEASE, t, this.#node()),
    messages: (t) => ({
      script: batch.MESSAGES,
      keys: [],
      args: [channelOf(t), `Nn1 ${this.#int(0, 99)}`, channelOf('a'), 'Nn1 b'],
    }),
    setValue: (t) => {
      const json = this.#pick(['1', '{"v":2}', '"ü"', `"${'y'.repeat(this.#chance.int(1, 40))}"`]);
      const owner = this.#pick(['-', 'n1/c1', 'n2/c2']);
      const limits = [this.#int(1, 4), this.#pick(['60', '1000000'])];
      const args = [this.#pick(['k1', 'k2', 'k3', 'ké']), json, owner, this.#pick(['0', '100', '5000']), ...limits];
      return this.#changing(SET_VALUE, t, args);
    },
    dropValues: (t) =>
      this.#changing(DROP_VALUES, t, [
        this.#pick(['', 'n1/c1', '-']),
        ...(this.#chance.chance(0.6) ? [this.#pick(['k1', 'k2']), 'k3'] : []),
      ]),
    readValues: (t) => ({
      script: READ_VALUES,
      keys: [keyOf(t, 'values')],
      args: [this.#time, ...(this.#chance.chance(0.5) ? [this.#pick(['k1', 'k2'])] : [])],
    }),
  };

  #answering(script: Script, thread: string, ...args: string[]): ScriptCall {
    const key = this.#pick(['q1', 'q2', 'q3', 'q4', 'q5']);
    return {
      script,
      keys: [keyOf(thread, 'answers')],
      args: [this.#longTime, this.#int(100_000, 1_200_000), key, ...args],
    };
  }

  #changing(script: Script, thread: string, args: readonly string[]): ScriptCall {
    const about = [this.#time, this.#node(), this.#int(1, 60), channelOf(thread), 'PUBLISH', LIFE, 'ev'];
    return { script, keys: [keyOf(thread, 'values')], args: [...about, ...args] };
  }
}
