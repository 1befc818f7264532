import type { Keyspace } from './keyspace.ts';
import { general } from './lua-values.ts';
import { Failure, OK, Status, type Reply } from './replies.ts';

/** A command, without its name. */
type Command = (keys: Keyspace, args: readonly string[]) => Reply;

interface Known {
  /** How many arguments it takes, as Redis counts them, without the name. */
  readonly least: number;
  readonly most?: number;
  readonly isWrite?: boolean;
  readonly run: Command;
}

/** By their names. */
export type Commands = Readonly<Record<string, Known>>;

const NOT_AN_INTEGER = new Failure('ERR value is not an integer or out of range');
const SYNTAX = new Failure('ERR syntax error');

/** @throws Failure */
function integer(value: string | undefined): number {
  if (value === undefined || !/^(0|-?[1-9]\d{0,18})$/.test(value)) throw NOT_AN_INTEGER;
  return Number(value);
}

const pick = (fields: ReadonlyMap<string, string> | undefined, names: readonly string[]): (string | null)[] =>
  names.map((name) => fields?.get(name) ?? null);

/** The commands of data that the log uses, in its scripts or beside them, as Redis 7.0 answers them with RESP2. */
export const COMMANDS: Commands = {
  GET: { least: 1, most: 1, run: (keys, [key = '']) => keys.find(key, 'string')?.text ?? null },
  SET: { least: 2, isWrite: true, run: setString },
  EXISTS: { least: 1, run: (keys, names) => names.filter((name) => keys.has(name)).length },
  UNLINK: { least: 1, isWrite: true, run: (keys, names) => names.filter((name) => keys.delete(name)).length },
  DEL: { least: 1, isWrite: true, run: (keys, names) => names.filter((name) => keys.delete(name)).length },
  TYPE: { least: 1, most: 1, run: (keys, [key = '']) => new Status(keys.typeOf(key) ?? 'none') },
  PTTL: {
    least: 1,
    most: 1,
    run: (keys, [key = '']) => {
      const at = keys.expiryOf(key);
      return at === undefined ? -2 : at === Infinity ? -1 : at - keys.now;
    },
  },
  PEXPIRE: {
    least: 2,
    isWrite: true,
    run: (keys, [key = '', ms, ...options]) => {
      const duration = integer(ms);
      if (options.length > 0) throw new Failure(`ERR Unsupported option ${options[0]}`);
      return Number(keys.expire(key, keys.now + duration));
    },
  },
  TIME: {
    least: 0,
    most: 0,
    run: ({ now }) => [String(Math.floor(now / 1000)), String(Math.floor((now % 1000) * 1000))],
  },

  HGET: { least: 2, most: 2, run: (keys, [key = '', field = '']) => keys.find(key, 'hash')?.fields.get(field) ?? null },
  HMGET: { least: 2, run: (keys, [key = '', ...names]) => pick(keys.find(key, 'hash')?.fields, names) },
  HGETALL: { least: 1, most: 1, run: (keys, [key = '']) => [...(keys.find(key, 'hash')?.fields ?? [])].flat() },
  HSTRLEN: {
    least: 2,
    most: 2,
    run: (keys, [key = '', field = '']) => keys.find(key, 'hash')?.fields.get(field)?.length ?? 0,
  },
  HSET: {
    least: 3,
    isWrite: true,
    run: (keys, [key = '', ...pairs]) => {
      if (pairs.length % 2 !== 0) throw wrongNumber('hset');
      const { fields } = keys.make(key, 'hash');
      const before = fields.size;
      for (let i = 0; i < pairs.length; i += 2) fields.set(pairs[i] ?? '', pairs[i + 1] ?? '');
      return fields.size - before;
    },
  },
  HDEL: {
    least: 2,
    isWrite: true,
    run: (keys, [key = '', ...names]) => {
      const fields = keys.find(key, 'hash')?.fields;
      const gone = names.filter((name) => fields?.delete(name)).length;
      keys.settle(key);
      return gone;
    },
  },

  SADD: {
    least: 2,
    isWrite: true,
    run: (keys, [key = '', ...added]) => {
      const { members } = keys.make(key, 'set');
      const before = members.size;
      for (const member of added) members.add(member);
      return members.size - before;
    },
  },
  SREM: {
    least: 2,
    isWrite: true,
    run: (keys, [key = '', ...removed]) => {
      const members = keys.find(key, 'set')?.members;
      const gone = removed.filter((member) => members?.delete(member)).length;
      keys.settle(key);
      return gone;
    },
  },
  // all of it is one page
  SSCAN: {
    least: 2,
    run: (keys, [key = '', cursor]) => {
      integer(cursor);
      return ['0', [...(keys.find(key, 'set')?.members ?? [])]];
    },
  },
  SCAN: {
    least: 1,
    run: (keys, [cursor, ...options]) => {
      integer(cursor);
      const at = options.findIndex((option) => option.toUpperCase() === 'MATCH');
      const isMatch = globOf((at < 0 ? undefined : options[at + 1]) ?? '*');
      return ['0', keys.names().filter((name) => isMatch.test(name))];
    },
  },

  ZADD: {
    least: 3,
    isWrite: true,
    run: (keys, [key = '', score = '', member = '', ...others]) => {
      if (others.length > 0) throw SYNTAX;
      const value = scoreOf(score);
      const { scores } = keys.make(key, 'zset');
      const isNew = !scores.has(member);
      scores.set(member, value);
      return Number(isNew);
    },
  },
  ZREM: {
    least: 2,
    isWrite: true,
    run: (keys, [key = '', ...removed]) => {
      const scores = keys.find(key, 'zset')?.scores;
      const gone = removed.filter((member) => scores?.delete(member)).length;
      keys.settle(key);
      return gone;
    },
  },
  ZSCORE: {
    least: 2,
    most: 2,
    run: (keys, [key = '', member = '']) => {
      const score = keys.find(key, 'zset')?.scores.get(member);
      return score === undefined ? null : general(score, 17);
    },
  },
  ZREMRANGEBYSCORE: {
    least: 3,
    most: 3,
    isWrite: true,
    run: (keys, [key = '', min = '', max = '']) => {
      const [least, most] = [
        scoreOf(min, 'ERR min or max is not a float'),
        scoreOf(max, 'ERR min or max is not a float'),
      ];
      const scores = keys.find(key, 'zset')?.scores ?? new Map<string, number>();
      const gone = [...scores].filter(([, score]) => score >= least && score <= most);
      for (const [member] of gone) scores.delete(member);
      keys.settle(key);
      return gone.length;
    },
  },
  // only all of it
  ZRANGE: {
    least: 3,
    run: (keys, [key = '', from, to, ...options]) => {
      if (from !== '0' || to !== '-1') throw new Failure('ERR the model of Redis has no range');
      const scores = [...(keys.find(key, 'zset')?.scores ?? [])];
      const sorted = scores.toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
      return options.length === 0
        ? sorted.map(([member]) => member)
        : sorted.flatMap(([member, score]) => [member, general(score, 17)]);
    },
  },
};

/** @throws Failure */
export function run(commands: Commands, keys: Keyspace, [name = '', ...args]: readonly string[]): Reply {
  const command = commands[name.toUpperCase()];
  if (command === undefined) return unknownCommand(name, args);
  if (args.length < command.least || args.length > (command.most ?? Infinity)) return wrongNumber(name.toLowerCase());
  try {
    return command.run(keys, args);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

export function wrongNumber(name: string): Failure {
  return new Failure(`ERR wrong number of arguments for '${name}' command`);
}

export function unknownCommand(name: string, args: readonly string[]): Failure {
  const shown = args.map((arg) => `'${arg}' `).join('');
  return new Failure(`ERR unknown command '${name}', with args beginning with: ${shown}`);
}

function setString(keys: Keyspace, [key = '', text = '', ...options]: readonly string[]): Reply {
  let [expiresAt, isNew] = [Infinity, false];
  for (let i = 0; i < options.length; i++) {
    const option = options[i]?.toUpperCase();
    if (option === 'NX') isNew = true;
    else if (option === 'PX' && i + 1 < options.length) {
      const ms = integer(options[++i]);
      if (ms <= 0) throw new Failure("ERR invalid expire time in 'set' command");
      expiresAt = keys.now + ms;
    } else throw SYNTAX;
  }
  if (isNew && keys.has(key)) return null;
  keys.put(key, text, expiresAt);
  return OK;
}

function scoreOf(text: string, otherwise = 'ERR value is not a valid float'): number {
  const infinity = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinity !== null) return infinity[1] === '-' ? -Infinity : Infinity;
  if (/^$|\s/.test(text) || !Number.isFinite(Number(text))) throw new Failure(otherwise);
  return Number(text);
}

/** A pattern of names: `*`, `?`, and what a backslash takes literally. */
export function globOf(pattern: string): RegExp {
  const source = pattern.replace(/\\(.)|[*?]|[^\w]/gs, (all, quoted: string | undefined) => {
    if (quoted !== undefined) return literal(quoted);
    return all === '*' ? '.*' : all === '?' ? '.' : literal(all);
  });
  return new RegExp(`^${source}$`, 's');
}

const literal = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
