import { expect, it } from 'vitest';
import { checkFlood } from './check-flood.ts';

it.each(['arrays', 'numbers', 'fields', 'texts', 'oversized', 'lists', 'acks', 'pings'])(
  'a flood of %s is closed with 4429, and the neighbours do not notice it',
  async (attack) => {
    await expect(checkFlood(attack)).resolves.toBeUndefined();
  },
);
