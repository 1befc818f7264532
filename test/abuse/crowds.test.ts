import { expect, it } from 'vitest';
import { startVictim } from './victim.ts';

it('a hundred sockets of one user have one budget, not a hundred', async () => {
  const { hub, asked, attack, got } = await startVictim();
  const outcomes = await attack('publishes', { sockets: 100 });
  // those that come when nothing is left are refused at the handshake; all may have come before
  expect(outcomes).toHaveLength(100);
  for (const { code } of outcomes) expect([4429, -429]).toContain(code);
  // twice what one connection may send, five times as much at once, and what is paid back meanwhile
  const seconds = Math.max(...outcomes.map(({ ms }) => ms)) / 1_000;
  expect(asked.count).toBeLessThan(10_000 + 2_000 * (seconds + 1));
  await hub.thread('t').send(1);
  await expect.poll(() => got.map((numbers) => numbers.at(-1))).toEqual(got.map(() => 1));
});

it('threads in the URL are paid for as others are: sixty handshakes make no sixty thousand', async () => {
  const { hub, attack, got, joins } = await startVictim();
  const query = Array.from({ length: 1_000 }, (_, i) => `&thread=u${i}`).join('');
  const outcomes = await attack('pongs', { sockets: 60, query });
  expect(outcomes.map(({ code }) => code)).toContain(4429);
  const seconds = Math.max(...outcomes.map(({ ms }) => ms)) / 1_000;
  // each takes three quarters of a point, and the user has what the test above says
  expect(joins.count).toBeLessThan((10_000 + 2_000 * (seconds + 1)) / 0.75);
  await hub.thread('t').send(1);
  await expect.poll(() => got.map((numbers) => numbers.at(-1))).toEqual(got.map(() => 1));
});
