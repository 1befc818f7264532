import { expect, it } from 'vitest';
import { CallsTogether, type Argument } from '../../../src/infra/log/redis/calls-together.ts';
import { ChannelsTogether } from '../../../src/infra/log/redis/channels-together.ts';
import { script } from '../../../src/infra/log/redis/scripts.ts';

const [READ, WRITE] = [script('return 1'), script('return 2')];

interface Command {
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  readonly answer: PromiseWithResolvers<unknown>;
}

function start(): { readonly together: CallsTogether; readonly commands: Command[] } {
  const commands: Command[] = [];
  const together = new CallsTogether((_script, keys, args) => {
    const answer = Promise.withResolvers<unknown>();
    commands.push({ keys, args, answer });
    return answer.promise;
  });
  return { together, commands };
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it('the calls of one turn are one command, and each gets its own reply', async () => {
  const { together, commands } = start();
  const replies = ['a', 'b', 'c'].map((key) => together.call(READ, ['now'], [key], [`${key}1`, `${key}2`]));
  await turn();
  expect(commands.map(({ keys, args }) => [keys, args])).toEqual([
    [
      ['a', 'b', 'c'],
      ['now', 'a1', 'a2', 'b1', 'b2', 'c1', 'c2'],
    ],
  ]);
  expect(together.unanswered).toBe(3);
  commands[0]?.answer.resolve([1, 2, 3]);
  expect(await Promise.all(replies)).toEqual([1, 2, 3]);
  expect(together.unanswered).toBe(0);
});

it('other scripts, and other shared arguments, are commands of their own', async () => {
  const { together, commands } = start();
  void together.call(READ, ['now'], ['a'], []);
  void together.call(WRITE, ['now'], ['b'], []);
  void together.call(READ, ['later'], ['c'], []);
  await turn();
  expect(commands.map(({ keys }) => keys)).toEqual([['a'], ['b'], ['c']]);
});

it('a command has at most 64 calls, in their order, and fails for its own calls only', async () => {
  const { together, commands } = start();
  const calls = Array.from({ length: 100 }, (_, i) => together.call(READ, [], [`k${i}`], []));
  expect(commands).toHaveLength(1);
  await turn();
  expect(commands.map(({ keys }) => [keys.length, keys[0]])).toEqual([
    [64, 'k0'],
    [36, 'k64'],
  ]);
  commands[0]?.answer.reject(new Error('no'));
  commands[1]?.answer.resolve(Array.from({ length: 36 }, (_, i) => i));
  const ends = await Promise.allSettled(calls);
  expect(ends.map(({ status }) => status).indexOf('fulfilled')).toBe(64);
  expect(together.unanswered).toBe(0);
});

it('a call may be worth many, and its bytes count: a command does not become longer than its limits', async () => {
  const { together, commands } = start();
  const call = (key: string, calls: number, bytes: number): void =>
    void together.call(READ, [], [key], [], { calls, bytes });
  call('a', 40, 0);
  call('b', 40, 0);
  call('c', 1, 100_000);
  call('d', 1, 100_000);
  call('e', 1, 200_000);
  call('f', 64, 0);
  call('g', 1, 0);
  await turn();
  expect(commands.map(({ keys }) => keys.join(' '))).toEqual(['a', 'b c', 'd', 'e', 'f', 'g']);
});

it('what is flushed is sent at once, and not again', async () => {
  const { together, commands } = start();
  void together.call(READ, [], ['a'], []);
  together.flush();
  expect(commands).toHaveLength(1);
  await turn();
  expect(commands).toHaveLength(1);
});

it('the channels of one turn are one command', async () => {
  const asked: string[][] = [];
  const channels = new ChannelsTogether((names) => {
    asked.push(names);
    return names.includes('bad') ? Promise.reject(new Error('no')) : Promise.resolve();
  });
  await Promise.all([channels.add('a'), channels.add('b')]);
  const many = Array.from({ length: 300 }, (_, i) => channels.add(`c${i}`));
  await Promise.all(many);
  expect(asked.map(({ length }) => length)).toEqual([2, 256, 44]);
  await expect(channels.add('bad')).rejects.toThrow('no');
});

it('channels that come while a command has no answer are one command after it, also where it has failed', async () => {
  const asked: { readonly names: readonly string[]; readonly answer: PromiseWithResolvers<void> }[] = [];
  const channels = new ChannelsTogether((names) => {
    const answer = Promise.withResolvers<void>();
    asked.push({ names, answer });
    return answer.promise;
  });
  const first = channels.add('a');
  await turn();
  const second = channels.add('b');
  await turn();
  const third = channels.add('c');
  await turn();
  expect(asked.map(({ names }) => names)).toEqual([['a']]);
  asked[0]?.answer.reject(new Error('no'));
  await expect(first).rejects.toThrow('no');
  expect(asked.map(({ names }) => names)).toEqual([['a'], ['b', 'c']]);
  asked[1]?.answer.resolve();
  await Promise.all([second, third]);
  void channels.add('d');
  await turn();
  expect(asked.map(({ names }) => names)).toEqual([['a'], ['b', 'c'], ['d']]);
});
