import { expect, it } from 'vitest';
import { startVictim } from './victim.ts';

it('a hundred sockets of one user have one budget, not a hundred', async () => {
  const { hub, asked, attack, got } = await startVictim();
  const outcomes = await attack('publishes', 100);
  // some are closed while they flood, the others are refused at the handshake
  expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set([4429, -429]));
  // twice what one connection may send, five times as much at once, and what is paid back meanwhile
  const seconds = Math.max(...outcomes.map(({ ms }) => ms)) / 1_000;
  expect(asked.count).toBeLessThan(10_000 + 2_000 * (seconds + 1));
  await hub.thread('t').send(1);
  await expect.poll(() => got.map((numbers) => numbers.at(-1))).toEqual(got.map(() => 1));
});

it('threads in the URL are paid for as others are: sixty handshakes make no sixty thousand', async () => {
  const { hub, attack, got, joins } = await startVictim();
  const query = Array.from({ length: 1_000 }, (_, i) => `&thread=u${i}`).join('');
  const outcomes = await attack('pongs', 60, query);
  expect(outcomes.map(({ code }) => code)).toContain(4429);
  const seconds = Math.max(...outcomes.map(({ ms }) => ms)) / 1_000;
  // each takes three quarters of a point, and the user has what the test above says
  expect(joins.count).toBeLessThan((10_000 + 2_000 * (seconds + 1)) / 0.75);
  await hub.thread('t').send(1);
  await expect.poll(() => got.map((numbers) => numbers.at(-1))).toEqual(got.map(() => 1));
});
