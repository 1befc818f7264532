import { setTimeout as pause } from 'node:timers/promises';
import type { RedisConnection } from '../../../src/infra/log/redis/connections.ts';
import { Dice } from '../../sim/dice.ts';
import { COMMANDS, type Commands } from './commands.ts';
import { ModelConnection } from './model-connection.ts';
import { RedisModel } from './redis-model.ts';
import { CHANNELS, KEYS, ScriptPlay, type Argument } from './script-play.ts';

/** Plays the same calls to a real Redis and to the model, one after the other, and compares what they answer. */
export class Play {
  readonly #real: RedisConnection;
  readonly #model: ModelConnection;
  readonly #dice: Dice;
  readonly #scripts: ScriptPlay;
  readonly #differences: string[] = [];
  /** What has been published, with its channel, for the one and the other. */
  readonly #heard: [real: string[], model: string[]] = [[], []];
  readonly #subscribed = new Set<string>();
  /** The longest time that a call took, which an expiry may differ by. */
  #spanMs = 0;

  constructor(real: RedisConnection, seed: number, commands: Commands = COMMANDS) {
    this.#real = real;
    this.#model = new ModelConnection(new RedisModel(Date.now, commands));
    this.#dice = new Dice(seed);
    this.#scripts = new ScriptPlay(this.#dice);
  }

  /** @returns what was different: the first call, or what was there in the end */
  async run(steps: number): Promise<readonly string[]> {
    for (let step = 0; step < steps && this.#differences.length === 0; step++) {
      const act = this.#dice.weighted<() => Promise<unknown>>([
        [30, () => this.#script()],
        [10, () => this.#both(this.#command())],
        [1, () => this.#subscription()],
        [0.3, () => this.#expiry()],
        [0.3, () => this.#both(['SCRIPT', 'FLUSH'])],
      ]);
      await act();
    }
    if (this.#differences.length === 0) await this.#compareAll();
    return this.#differences;
  }

  async #script(): Promise<void> {
    const { script, keys, args } = this.#scripts.next();
    const rest = [String(keys.length), ...keys, ...args];
    const answer = await this.#both(['EVALSHA', script.sha, ...rest]);
    if (answer.startsWith('error NOSCRIPT')) await this.#both(['EVAL', script.text, ...rest]);
  }

  #command(): Argument[] {
    const key = this.#dice.pick(KEYS);
    const field = this.#dice.pick(['e', 'o', '1', '2', '=m1', 'n1', 'first', 'none']);
    const ms = String(this.#dice.int(100_000, 200_000));
    return this.#dice.pick<Argument[]>([
      ['GET', key],
      ['SET', key, 'e1 2 m2', 'PX', ms],
      ['SET', key, 'e1 1 m1', 'NX'],
      ['SET', key, 'x', this.#dice.pick(['PX', 'XP', 'nx']), '0'],
      ['UNLINK', key],
      ['UNLINK', key, this.#dice.pick(KEYS)],
      ['HGET', key, field],
      ['HMGET', key, field, 'e', 'r'],
      ['HDEL', key, field, 'none'],
      ['HSET', key, field, this.#dice.pick(['1', 'x'])],
      ['HSET', this.#dice.pick(KEYS), 'n1', '1', 'n1', '2', 'n2', '1'],
      ['HSET', this.#dice.pick(KEYS), 'n1', '1', 'n1', '2', 'n2', '1'],
      ['HGETALL', key],
      ['HSTRLEN', key, field],
      ['SREM', key, 'n1 u1', 'n2 u2'],
      ['ZREM', key, 'n1'],
      ['ZSCORE', key, 'n2'],
      ['ZREMRANGEBYSCORE', key, '-inf', this.#dice.pick(['1', '1e13', 'x'])],
      ['ZADD', key, this.#dice.pick(['1.5', '1e30', '0.1', '-inf', 'x']), 'n9'],
      ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
      ['PEXPIRE', key, this.#dice.pick([ms, '0', '-5', 'x'])],
      ['EXISTS', key, key],
      ['TYPE', key],
      ['GET'],
      ['HGET', key],
      ['HSET', key, field],
      ['NOSUCH', key, 'a'],
      ['EVAL', 'return 1'],
      ['EVAL', 'return {1, 2.9, "x", {true, false, 4}, nil, 5}', '0'],
      ['EVAL', "return {err = 'MY error'}", '0'],
      ['EVAL', "return redis.error_reply('MY error')", '0'],
      ['EVAL', "return redis.pcall('GET', KEYS[1])", '1', key],
      ['EVAL', "return tostring(12345678901234567) .. 0.1 .. 1/3 .. -7 % 3 .. (2 > 1 and 'a' or 'b')", '0'],
      ['EVAL', "return string.format('%.0f %s %d', 2.5, 1e15, 7) .. string.sub('hello', -3, -2) .. #ARGV", '0', 'a'],
      ['EVAL', "return {string.find('a.b', '.', 1, true), string.match('k=v', '^(%w+)=()(%S*)$')}", '0'],
      ['EVAL', "local t = redis.call('TIME') return {#t, type(t[1]), #t[1], tonumber(t[2]) < 1000000}", '0'],
      ['EVAL', "return redis.call('GET')", '0'],
      ['EVAL', "return redis.call('NOSUCH', {}, 1)", '0'],
      ['EVAL', "return redis.pcall('HGET', KEYS[1]).err", '1', key],
      ['EVAL', 'return 1', '2', key],
      ['EVAL', 'return 1', 'x', key],
    ]);
  }

  async #subscription(): Promise<void> {
    const channel = this.#dice.pick(CHANNELS);
    if (this.#subscribed.delete(channel)) {
      await this.#allHeard();
      await this.#real.unsubscribe(channel);
      this.#model.unsubscribe(channel);
    } else {
      this.#subscribed.add(channel);
      const [real, model] = this.#heard;
      const said = (message: Buffer): string => `${channel} ${message.toString('latin1')}`;
      await this.#real.subscribe(
        channel,
        (message) => real.push(said(message)),
        () => {},
      );
      this.#model.subscribe(channel, (message) => model.push(said(message)));
    }
    await this.#both(['PUBLISH', channel, 'Nn2 hello']);
    await this.#both(['PUBSUB', 'CHANNELS', 'tc:v2:*'], sorted);
  }

  /** A key's time is up: the model was asked first, and is not later. */
  async #expiry(): Promise<void> {
    const key = this.#dice.pick(KEYS);
    await this.#both(['PEXPIRE', key, '1']);
    while ((await this.#real.call(key, ['EXISTS', key])) !== 0) await pause(1);
    await this.#both(['EXISTS', key]);
  }

  async #compareAll(): Promise<void> {
    await this.#both(['SCAN', '0', 'COUNT', '1000'], sorted);
    for (const key of KEYS) {
      const type = await this.#both(['TYPE', key]);
      if (type === '"hash"') await this.#both(['HGETALL', key]);
      else if (type === '"set"') await this.#both(['SSCAN', key, '0', 'COUNT', '1000'], sorted);
      else if (type === '"zset"') await this.#both(['ZRANGE', key, '0', '-1', 'WITHSCORES']);
      else await this.#both(['GET', key]);
      const [real, model] = [
        Number(await this.#real.call(key, ['PTTL', key])),
        Number(this.#model.call(['PTTL', key])),
      ];
      const isSame = Math.sign(real) === Math.sign(model) && Math.abs(real - model) <= 2 * this.#spanMs + 2;
      if (!isSame) this.#differences.push(`PTTL ${key}: ${real}, of the model ${model}`);
    }
    await this.#allHeard();
    const [real, model] = this.#heard;
    const at = real.findIndex((message, i) => message !== model[i]);
    if (at >= 0 || real.length !== model.length) {
      this.#differences.push(`message ${at} of ${real.length}: ${real[at]}, of the model ${model[at]}`);
    }
  }

  /** What was published before has come when this has. */
  async #allHeard(): Promise<void> {
    const end = 'end';
    const came = Promise.withResolvers<void>();
    const onEnd = (): void => came.resolve();
    await this.#real.subscribe(end, onEnd, () => {});
    await this.#real.call(end, ['PUBLISH', end, '']);
    await came.promise;
    await this.#real.unsubscribe(end);
  }

  /** @returns what the real one has answered */
  async #both(args: readonly Argument[], order = (answer: unknown): unknown => answer): Promise<string> {
    const begun = Date.now();
    const model = await told(() => this.#model.call(args), order);
    const real = await told(() => this.#real.call(String(args[1]), args), order);
    this.#spanMs = Math.max(this.#spanMs, Date.now() - begun);
    if (model !== real) {
      const said = args.map((arg) => String(arg).slice(0, 60).replaceAll('\n', ' ')).join(' ');
      this.#differences.push(`${said}: ${real}, of the model ${model}`);
    }
    return real;
  }
}

/** An answer as text. */
async function told(ask: () => unknown, order: (answer: unknown) => unknown): Promise<string> {
  try {
    return JSON.stringify(order(textOf(await ask()))) ?? 'undefined';
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // where in a script, and what Lua calls the values
    if (message.includes('user_script:') && message.startsWith('ERR user_script')) return 'error ERR of Lua';
    if (/^ERR (attempt|bad argument|'for'|the model|table index)/.test(message)) return 'error ERR of Lua';
    return `error ${message.replace(/ script: [\da-f]{40}, on @user_script:\d+\.$/, '')}`;
  }
}

function textOf(answer: unknown): unknown {
  if (Buffer.isBuffer(answer)) return answer.toString('latin1');
  return Array.isArray(answer) ? answer.map(textOf) : answer;
}

/** Redis has no order here. */
function sorted(answer: unknown): unknown {
  if (!Array.isArray(answer)) return answer;
  const all = answer.map((each) => (Array.isArray(each) ? sorted(each) : each));
  return all.every((each) => typeof each === 'string') ? all.toSorted() : all;
}
