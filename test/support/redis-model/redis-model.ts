import { createHash } from 'node:crypto';
import { COMMANDS, globOf, run, unknownCommand, wrongNumber, type Commands } from './commands.ts';
import { Keyspace, type Dump } from './keyspace.ts';
import { compileLua, type CompiledScript } from './lua-compiler.ts';
import { named } from './lua-library.ts';
import { general, LuaError, LuaTable, shown, toText, type LuaValue } from './lua-values.ts';
import { Failure, OK, Status, type Reply } from './replies.ts';

/** A subscribed connection. */
export interface Listener {
  /** @param message a character for each byte */
  onMessage(channel: string, message: string): void;
}

/** Compiled scripts of all models, by their hash: a run of the simulator makes thousands of models. */
const COMPILED = new Map<string, CompiledScript>();
const shaOf = (text: string): string => createHash('sha1').update(text, 'latin1').digest('hex');

/** A full Redis refuses these. */
const GROWING = new Set(['SET', 'HSET', 'SADD', 'ZADD']);

const INFO = '# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n';
const NO_SCRIPT = new Failure('NOSCRIPT No matching script. Please use EVAL.');

/**
 * One Redis, in memory and at once: the commands that the log uses, and its Lua scripts as they are. `test/redis/model.test.ts` compares it
 * with a real one.
 */
export class RedisModel {
  readonly #keys: Keyspace;
  readonly #known = new Set<string>();
  readonly #channels = new Map<string, Set<Listener>>();
  /** Called with each command of data that has been carried out, those of scripts among them. */
  onCommand: ((args: readonly string[]) => void) | undefined;
  /** What commands that write are answered with: `OOM` only those that take memory, and not within a script that has written before. */
  refusal: Failure | undefined;
  #hasWritten = false;

  readonly #commands: Commands;

  /**
   * @param now the time of day, in milliseconds
   * @param commands those of data
   */
  constructor(now: () => number, commands: Commands = COMMANDS) {
    this.#keys = new Keyspace(now);
    this.#commands = commands;
  }

  dump(): Dump {
    return this.#keys.dump();
  }

  /** Has what it had then, as after a restart, without scripts. Who listens stays. */
  restore(dump: Dump): void {
    this.#keys.restore(dump);
    this.#known.clear();
  }

  /** What a key holds, for who looks at it from outside; undefined where it holds nothing of the kind. */
  hash(key: string): ReadonlyMap<string, string> | undefined {
    return this.#keys.typeOf(key) === 'hash' ? this.#keys.find(key, 'hash')?.fields : undefined;
  }

  text(key: string): string | undefined {
    return this.#keys.typeOf(key) === 'string' ? this.#keys.find(key, 'string')?.text : undefined;
  }

  /** @param args a character for each byte */
  execute(args: readonly string[]): Reply {
    const [name = '', ...rest] = args;
    this.#hasWritten = false;
    return this.#execute(name, rest, args);
  }

  #execute(name: string, rest: readonly string[], args: readonly string[]): Reply {
    switch (name.toUpperCase()) {
      case 'EVALSHA':
        return this.#evaluate('evalsha', rest, (sha) =>
          this.#known.has(sha.toLowerCase()) ? sha.toLowerCase() : undefined,
        );
      case 'EVAL':
        return this.#evaluate('eval', rest, (text) => this.#load(text));
      case 'SCRIPT':
        if (rest[0]?.toUpperCase() === 'LOAD' && rest[1] !== undefined) return this.#load(rest[1]);
        if (rest[0]?.toUpperCase() !== 'FLUSH') return unknownCommand(name, rest);
        this.#known.clear();
        return OK;
      case 'PUBLISH':
        if (rest.length !== 2) return wrongNumber('publish');
        return this.#publish(rest[0] ?? '', rest[1] ?? '');
      case 'PUBSUB':
        if (rest[0]?.toUpperCase() === 'NUMSUB')
          return rest.slice(1).flatMap((channel) => [channel, this.#channels.get(channel)?.size ?? 0]);
        return [...this.#channels.keys()].filter((channel) => globOf(rest[1] ?? '*').test(channel));
      case 'INFO':
        return INFO;
      default:
        return this.#data(args);
    }
  }

  subscribe(channel: string, listener: Listener): void {
    const listeners = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, listeners.add(listener));
  }

  unsubscribe(channel: string, listener: Listener): void {
    const listeners = this.#channels.get(channel);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#channels.delete(channel);
  }

  /** Its connection has ended. */
  forget(listener: Listener): void {
    for (const channel of this.#channels.keys()) this.unsubscribe(channel, listener);
  }

  #data(args: readonly string[]): Reply {
    const name = (args[0] ?? '').toUpperCase();
    const isWrite = this.#commands[name]?.isWrite === true;
    const { refusal } = this;
    if (isWrite && refusal !== undefined) {
      const isForced = refusal.message.startsWith('OOM') && (this.#hasWritten || !GROWING.has(name));
      if (!isForced) return refusal;
    }
    if (isWrite) this.#hasWritten = true;
    const reply = run(this.#commands, this.#keys, args);
    if (!(reply instanceof Failure)) this.onCommand?.(args);
    return reply;
  }

  #publish(channel: string, message: string): number {
    const listeners = this.#channels.get(channel);
    if (listeners === undefined) return 0;
    for (const listener of listeners) listener.onMessage(channel, message);
    return listeners.size;
  }

  #load(text: string): string {
    const sha = shaOf(text);
    if (!COMPILED.has(sha)) COMPILED.set(sha, compileLua(text));
    this.#known.add(sha);
    return sha;
  }

  #evaluate(
    name: string,
    [script = '', count, ...rest]: readonly string[],
    find: (script: string) => string | undefined,
  ): Reply {
    if (count === undefined) return wrongNumber(name);
    const keys = Number(count);
    if (!Number.isInteger(keys)) return new Failure('ERR value is not an integer or out of range');
    if (keys > rest.length) return new Failure("ERR Number of keys can't be greater than number of args");
    if (keys < 0) return new Failure("ERR Number of keys can't be negative");
    const sha = find(script);
    const compiled = sha === undefined ? undefined : COMPILED.get(sha);
    if (compiled === undefined) return NO_SCRIPT;
    const globals = {
      redis: this.#redis,
      KEYS: new LuaTable(rest.slice(0, keys)),
      ARGV: new LuaTable(rest.slice(keys)),
    };
    return this.#keys.during(() => {
      try {
        return fromLua(compiled(globals));
      } catch (error) {
        if (error instanceof LuaError) return raised(error.value);
        throw error;
      }
    });
  }

  /** `redis` of the scripts. */
  readonly #redis = named({
    call: (...args) => {
      const reply = this.#call(args);
      if (reply instanceof Failure) throw new LuaError(failureTable(reply));
      return [toLua(reply)];
    },
    pcall: (...args) => [toLua(this.#call(args))],
    error_reply: (message) => [failureTable(new Failure(toText(message) ?? ''))],
    status_reply: (text) => [toLua(new Status(toText(text) ?? ''))],
  });

  #call(args: readonly LuaValue[]): Reply {
    const texts = args.map((arg) => {
      if (typeof arg === 'string') return arg;
      if (typeof arg === 'number') return general(arg, 17);
      throw new LuaError(failureTable(new Failure('ERR Lua redis lib command arguments must be strings or integers')));
    });
    const known = this.#commands[(texts[0] ?? '').toUpperCase()];
    const { least, most = Infinity } = known ?? OF_CHANNELS[(texts[0] ?? '').toUpperCase()] ?? { least: -1 };
    if (least < 0) return new Failure('ERR Unknown Redis command called from script');
    if (texts.length - 1 < least || texts.length - 1 > most) {
      return new Failure('ERR Wrong number of args calling Redis command from script');
    }
    const [name = '', ...rest] = texts;
    return this.#execute(name, rest, texts);
  }
}

/** Commands of a script that are about channels: their arguments. */
const OF_CHANNELS: Readonly<Record<string, { readonly least: number; readonly most?: number }>> = {
  PUBLISH: { least: 2, most: 2 },
  PUBSUB: { least: 1 },
};

function failureTable({ message }: Failure): LuaTable {
  const table = new LuaTable();
  table.set('err', message);
  return table;
}

function raised(value: LuaValue): Failure {
  return new Failure(value instanceof LuaTable ? shown(value.get('err')) : `ERR ${shown(value)}`);
}

function toLua(reply: Reply): LuaValue {
  if (reply === null) return false;
  if (reply instanceof Failure) return failureTable(reply);
  if (reply instanceof Status) {
    const table = new LuaTable();
    table.set('ok', reply.text);
    return table;
  }
  return typeof reply === 'object' ? new LuaTable(reply.map(toLua)) : reply;
}

function fromLua(value: LuaValue): Reply {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Math.trunc(value);
  if (value === true) return 1;
  if (!(value instanceof LuaTable)) return null;
  const [error, status] = [value.get('err'), value.get('ok')];
  if (typeof error === 'string') return new Failure(error);
  if (typeof status === 'string') return new Status(status);
  const end = value.list.indexOf(undefined);
  return (end < 0 ? value.list : value.list.slice(0, end)).map(fromLua);
}
