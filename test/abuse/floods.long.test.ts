import { expect, it } from 'vitest';
import { checkFlood } from './check-flood.ts';

// the others: more-floods.long.test.ts
it.each(['words', 'deep', 'streams', 'publishes', 'joins', 'pongs', 'fragments', 'inflating'])(
  'a flood of %s is closed with 4429, and the neighbours do not notice it',
  async (attack) => {
    await expect(checkFlood(attack)).resolves.toBeUndefined();
  },
);
