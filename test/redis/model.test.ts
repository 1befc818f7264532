import { afterAll, beforeAll, expect, test } from 'vitest';
import { connector } from '../../src/infra/log/redis/connections.ts';
import { Play } from '../support/redis-model/play.ts';
import { COMMANDS, type Commands } from '../support/redis-model/commands.ts';
import { RedisServer } from '../support/redis-server.ts';
import { seed, tier } from '../support/tier.ts';

// the model of Redis that the simulator has its logs over, against a real one: the same calls, in the same order

const STEPS = tier === 'full' ? 20_000 : 3_000;

let server: RedisServer;

beforeAll(async () => {
  // a hash answers in the order in which its fields were set as long as it is small
  const asListed = ['--hash-max-listpack-entries', '4000', '--hash-max-listpack-value', '100000'];
  server = await RedisServer.start(asListed);
});

afterAll(() => server.stop());

async function play(steps: number, commands?: Commands, of = seed): Promise<readonly string[]> {
  await server.run(['FLUSHALL']);
  await server.run(['SCRIPT', 'FLUSH']);
  // as scripts have it: version 6 of the package asks for the other protocol, which has types for scores and fields
  const connect = connector({ client: { url: server.url, RESP: 2 }, cluster: undefined });
  const connection = await connect(() => {}, new AbortController().signal);
  try {
    return await new Play(connection, of, commands).run(steps);
  } finally {
    connection.destroy();
  }
}

test('scripts, commands, expiry, errors and published messages are those of a real Redis', async () => {
  expect(await play(STEPS)).toEqual([]);
}, 600_000);

const { HDEL, HSET, PEXPIRE, ZRANGE, HGET } = COMMANDS;

const WRONG: readonly (readonly [string, Commands])[] = [
  ['a deletion of a field counts what is not there', changed('HDEL', HDEL, (reply) => Number(reply) + 1)],
  ['a field that is set again is new', changed('HSET', HSET, () => 1)],
  ['no key expires', { ...COMMANDS, PEXPIRE: { least: 2, run: (keys, [key = '']) => Number(keys.has(key)) } }],
  ['a field that is missing is empty', changed('HGET', HGET, (reply) => reply ?? '')],
  ['nothing leaves a sorted set', { ...COMMANDS, ZREMRANGEBYSCORE: { least: 3, run: () => 0 } }],
  [
    'a sorted set is not sorted',
    changed('ZRANGE', ZRANGE, (reply) => (Array.isArray(reply) ? reply.toReversed() : reply)),
  ],
  ['an expiry in the past is refused', changed('PEXPIRE', PEXPIRE, () => 0)],
];

test.each(WRONG)(
  'the comparison finds a wrong model: %s',
  async (_what, commands) => {
    expect(await play(6_000, commands)).not.toEqual([]);
  },
  300_000,
);

function changed(name: string, known: Commands[string] | undefined, make: (reply: unknown) => unknown): Commands {
  if (known === undefined) throw new Error(`the model has no ${name}`);
  return { ...COMMANDS, [name]: { ...known, run: (keys, args) => asReply(make(known.run(keys, args))) } };
}

const asReply = (reply: unknown): number | string | null | string[] =>
  typeof reply === 'number' || typeof reply === 'string' || Array.isArray(reply) ? reply : null;
