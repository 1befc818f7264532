import { expect, it } from 'vitest';
import { startVictim } from './victim.ts';

it.each(['rereads', 'rejoins'])('a flood of %s of a long history is closed with 4429', async (attack) => {
  const { hub, got, attack: begin } = await startVictim();
  for (let i = 0; i < 1_000; i++) await hub.thread('h').send({ i });
  const before = hub.stats().deliveries;
  const [outcome] = await begin(attack);
  expect(outcome?.code).toBe(4429);
  // what is given at once and in this time, 48 of them for a point, and the first time of all
  const points = 6_000 + (outcome?.ms ?? 0);
  expect(hub.stats().deliveries - before).toBeLessThan(1_000 + 48 * points);
  await hub.thread('t').send(1);
  await expect.poll(() => got.map((numbers) => numbers.at(-1))).toEqual(got.map(() => 1));
});
