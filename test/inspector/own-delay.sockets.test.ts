import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createHub } from '../../src/index.ts';
import { backgroundClock } from '../../src/infra/time/clock.ts';
import { Meters } from '../../src/inspector/meters.ts';

it('a round trip for which our own event loop stood still is ours, a longer one is the client’s', async () => {
  const hub = createHub();
  const meters = new Meters(hub, backgroundClock, () => undefined);
  expect(meters.isOurs({ roundTripMs: undefined, roundTripAgeMs: undefined })).toBe(false);
  await delay(50);
  const until = performance.now() + 400;
  while (performance.now() < until);
  await delay(50);
  // it ended with the standstill, however long the pause after it was
  const roundTripAgeMs = performance.now() - until;
  expect(meters.isOurs({ roundTripMs: 400, roundTripAgeMs })).toBe(true);
  expect(meters.isOurs({ roundTripMs: 600_000, roundTripAgeMs })).toBe(false);
  // the line is fast again
  expect(meters.isOurs({ roundTripMs: 2, roundTripAgeMs: 0 })).toBe(false);
  meters.stop();
  await hub.close();
});
