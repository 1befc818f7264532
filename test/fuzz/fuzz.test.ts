import { expect, it } from 'vitest';
import { ChatTarget, NO_CHAT } from './chat-target.ts';
import { ClientTarget } from './client-target.ts';
import { fuzz, shrink } from './fuzz.ts';
import { HttpTarget } from './http-target.ts';
import { binary, text, type Input } from './input.ts';
import { Mutator } from './mutator.ts';
import { ServerTarget } from './server-target.ts';
import { Dice } from '../sim/dice.ts';

it.each([
  ['server', 800, 15, async () => new ServerTarget()],
  ['chat', 300, 7, async () => new ChatTarget()],
  ['client', 800, 15, async () => new ClientTarget()],
  ['http', 800, 15, async () => HttpTarget.open()],
] as const)('%s: no input breaks anything, or costs a neighbour a message', async (name, least, kinds, open) => {
  const { inputs, corpus } = await fuzz(name, await open(), least, 1);
  expect(inputs).toBeGreaterThanOrEqual(least);
  // the inputs get somewhere
  expect(corpus.behaviours.size).toBeGreaterThan(kinds);
});

it.each(['send', 'resume', 'cancel'])(
  'a %s for a chat that has no thread is the client’s fault, and answered',
  async (type) => {
    const target = new ChatTarget();
    const frame = { type, requestId: 'r', headers: {}, body: {}, trigger: 'submit-message', messages: [] };
    const said = ['\u0000', NO_CHAT].map((id) => text(JSON.stringify({ ...frame, id, requestId: `r-${id}` })));
    const answers = await target.feed(said);
    expect(answers).toEqual(said.map(() => (type === 'cancel' ? ' ' : ' error The request failed. ')));
    await target.check();
    await target.close();
  },
);

it('the same seed makes the same inputs', () => {
  const all: Input[] = [text('{"t":"pub","th":"a","d":[1,{"x":2}]}'), binary(Buffer.from('{"t":"x"}\0abc'))];
  const [one, other] = [7, 7].map((seed) => {
    const dice = new Dice(seed);
    return new Mutator(dice, () => dice.pick(all));
  });
  const made = Array.from({ length: 500 }, () => one?.next());
  expect(made).toEqual(Array.from({ length: 500 }, () => other?.next()));
  expect(new Set(made.map((input) => input?.data.toString('latin1'))).size).toBeGreaterThan(200);
});

it('a target that loses a message of a neighbour is found, with the inputs that came before', async () => {
  const broken = {
    feed: async (inputs: readonly Input[]) => inputs.map(() => ''),
    check: async () => {
      throw new Error('the neighbour got 1 of 2');
    },
    close: async () => {},
  };
  await expect(fuzz('server', broken, 10, 1)).rejects.toThrow(/seed 1; the last \d+ inputs/);
});

it('of the inputs that a target does not stand, those that it needs to fail are left', async () => {
  const open = async () => {
    const seen = new Set<string>();
    return {
      feed: async (inputs: readonly Input[]) => inputs.map(({ data }) => String(seen.add(data.toString()).size)),
      check: async () => {
        if (seen.has('a') && seen.has('b')) throw new Error('it has had a and b');
      },
      close: async () => {},
    };
  };
  const few = await shrink(open, ['x', 'a', 'y', 'z', 'b', 'x'].map(text));
  expect(few.map(({ data }) => data.toString())).toEqual(['a', 'b']);
});
