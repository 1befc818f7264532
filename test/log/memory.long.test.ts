import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createHub, memoryLog, preencoded, streamArray, ThreadcastError, type SendOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { isRecord } from '../support/harness.ts';
import { trials } from '../support/tier.ts';

/** Some 300 KB of JSON: a segment and a bit. */
const big = Array.from({ length: 4_000 }, (_, i) => ({ i, text: `row ${i}`.padEnd(55, '.') }));

async function* breaksOff(): AsyncGenerator<object> {
  for (const row of big) yield row;
  await Promise.resolve();
  throw new Error('the cursor was closed');
}

/** What is sent: fine, or broken in one of the ways there are, after a segment has been filled. */
const messages: Readonly<Record<string, () => unknown>> = {
  big: () => ({ big }),
  source: () => ({ rows: streamArray(big) }),
  bytes: () => preencoded(Buffer.from(JSON.stringify(big))),
  small: () => 'small',
  tooLarge: () => Array.from({ length: 8 }, () => big),
  bigInt: () => ({ big, n: 1n }),
  throwing: () => ({ big, get bad() { throw new Error('no'); } }), // prettier-ignore
  brokenSource: () => ({ big, rows: streamArray(breaksOff()) }),
};

const options: fc.Arbitrary<SendOptions> = fc.record(
  {
    lane: fc.constantFrom('normal', 'critical', 'volatile'),
    conflate: fc.constantFrom('k1', 'k2'),
    expiresInMs: fc.constantFrom(1, 1_000),
    idempotencyKey: fc.constantFrom('i1', 'i2', 'i3'),
    snapshot: fc.boolean(),
  },
  { requiredKeys: [] },
);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      message: fc.constantFrom(...Object.keys(messages)),
      thread: fc.constantFrom('t', 'u'),
      options,
    }),
  },
  fc.record({ do: fc.constantFrom('stall', 'resume', 'take', 'hangUp'), link: fc.nat(3) }),
  fc.record({ do: fc.constant('turn' as const) }),
);

async function turn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

it('whatever becomes of messages and connections, all segments come back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), fc.boolean(), async (steps, closesEarly) => {
      const hub = createHub({ maxMessageBytes: 2_000_000, log: memoryLog({ maxEntries: 3 }) });
      const links = Array.from({ length: 4 }, () => new FakeLink());
      for (const link of links) {
        const connection = hub.accept(link.attach);
        await Promise.all([connection.join('t'), connection.join('u')]);
      }
      const sends: Promise<unknown>[] = [];
      for (const each of steps) {
        if (each.do === 'turn') await turn();
        else if ('link' in each) act(links[each.link], each.do);
        else {
          const sent = hub.thread(each.thread).send(messages[each.message]?.(), each.options);
          sent.catch(() => {});
          sends.push(sent);
        }
      }
      if (!closesEarly) await Promise.allSettled(sends);
      await hub.close();
      const outcomes = await Promise.allSettled(sends);
      const failures: unknown[] = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason] : [],
      );
      expect(failures.filter((failure) => !(failure instanceof ThreadcastError))).toEqual([]);
      expect(hub.stats()).toMatchObject({ segmentsInUse: 0, serializing: 0 });
      for (const { messages } of links) expect(messages.every(isRecord)).toBe(true);
    }),
    trials(60),
  );
});

function act(link: FakeLink | undefined, action: string): void {
  if (action === 'stall') link?.stall();
  else if (action === 'resume') link?.resume();
  else if (action === 'take') link?.take(100_000);
  else link?.hangUp();
}
