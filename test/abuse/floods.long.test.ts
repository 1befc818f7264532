import { expect, it } from 'vitest';
import { checkFlood } from './check-flood.ts';
import { startVictim } from './victim.ts';

it('a first flood compiles what the others run: what it takes is no measure of an attack', async () => {
  const { attack } = await startVictim();
  for (const name of ['words', 'publishes']) {
    const [outcome] = await attack(name);
    expect(outcome?.code).toBe(4429);
  }
});

// the others: more-floods.long.test.ts
it.each(['words', 'deep', 'streams', 'publishes', 'joins', 'pongs', 'fragments', 'inflating'])(
  'a flood of %s is closed with 4429, and the neighbours do not notice it',
  async (attack) => {
    await expect(checkFlood(attack)).resolves.toBeUndefined();
  },
);
