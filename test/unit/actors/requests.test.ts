import { afterEach, expect, it } from 'vitest';
import { memoryLog, type AcceptOptions, type DeliveryLog, type HubOptions } from '../../../src/index.ts';
import { FakeLink } from '../../../src/testing/index.ts';
import { dataOf, framesOf, makeHarness, type Harness } from '../../support/harness.ts';
import { SharedLog } from '../../support/shared-log.ts';

let harness: Harness;

afterEach(async () => {
  await harness.close();
  expect(harness.clock.pending).toBe(0);
});

const never = (): Promise<never> => new Promise(() => {});

function accept(options: AcceptOptions = {}, hub: HubOptions = {}) {
  harness = makeHarness(hub);
  const link = new FakeLink();
  const connection = harness.hub.accept(link.attach, { authorize: () => true, ...options });
  return { link, connection, ...harness };
}

it('a join of the application that is done first does not take the place of the client’s position', async () => {
  const log = new SharedLog(memoryLog());
  const node = log.node();
  const opened = Promise.withResolvers<void>();
  const slowly: DeliveryLog = {
    ...node,
    subscribe: async (...args) => {
      await opened.promise;
      return node.subscribe(...args);
    },
  };
  const { link, connection, hub, clock, run } = accept({}, { log: slowly });
  const other = makeHarness({ log: log.node() });
  const sent = [];
  for (const n of [1, 2, 3]) sent.push(await other.run(other.hub.thread('t').send(n)));
  await other.close();
  const joined = connection.join('t');
  link.say({ t: 'join', th: 't', from: sent[0]?.position });
  await clock.settle();
  opened.resolve();
  await clock.settle();
  await joined;
  expect(framesOf(link, 'joined').at(-1)).toMatchObject({ pos: sent[0]?.position, recovered: 2 });
  expect(dataOf(link)).toEqual([2, 3]);
  await run(hub.thread('t').send(4));
  expect(dataOf(link)).toEqual([2, 3, 4]);
  expect(connection.threads).toEqual(['t']);
});

it('a cancel does not wait for a message that the application is still busy with', async () => {
  const { link, connection, hub, clock } = accept({ onPublish: never });
  await connection.join('t');
  const stream = hub.thread('t').stream();
  stream.append('so');
  link.say({ t: 'pub', th: 't', id: 'question', d: 1 });
  link.say({ t: 'cancel', th: 't', s: stream.id });
  await clock.settle();
  expect(stream.signal.aborted).toBe(true);
});
