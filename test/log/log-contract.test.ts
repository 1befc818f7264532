import { expect, test } from 'vitest';
import { memoryLog, type DeliveryLog, type LogValues } from '../../src/index.ts';
import { logContract } from '../../src/testing/index.ts';
import { SharedLog } from '../support/shared-log.ts';
import { ownLog } from './own-log.ts';

logContract('memory', {
  test,
  makeNodes: ([clock]) => {
    const log = memoryLog({ clock });
    const shared = new SharedLog(log);
    // the end of a node is not the log's
    return [shared.node(), { ...shared.node(), close: () => log.close() }];
  },
  canCrash: false,
});

logContract('a log of an application', {
  test,
  makeNodes: ([clock]) => {
    const log = ownLog(clock);
    return [log, log];
  },
  without: ['notify', 'presence', 'answers', 'erase', 'values'],
  canCrash: false,
});

const defects: readonly [string, (log: DeliveryLog) => Partial<DeliveryLog>][] = [
  ['forgets ids', (log) => ({ append: (draft) => log.append({ ...draft, id: `${draft.id}-${Math.random()}` }) })],
  ['loses what is excepted', (log) => ({ append: (draft) => log.append({ ...draft, except: undefined }) })],
  ['takes edits for messages', (log) => ({ append: (draft) => log.append({ ...draft, kind: 'message' }) })],
  ['reads one too many', (log) => ({ readAfter: (id, offset, limit) => log.readAfter(id, offset, limit + 1) })],
  ['reports twice', (log) => ({ subscribe: (id, tell) => log.subscribe(id, (entry) => (tell(entry), tell(entry))) })],
];

const valueDefects: readonly [string, (values: LogValues) => Partial<LogValues>][] = [
  [
    'forgets the owner',
    (values) => ({ set: (id, draft, limits) => values.set(id, { ...draft, owner: 'one' }, limits) }),
  ],
  [
    'forgets the time',
    (values) => ({ set: (id, draft, limits) => values.set(id, { ...draft, ttlMs: undefined }, limits) }),
  ],
  ['has no limits', (values) => ({ set: (id, draft) => values.set(id, draft, { maxKeys: 1e9, maxBytes: 1e9 }) })],
  ['keeps what is removed', () => ({ delete: () => true })],
  ['lets owners stay', () => ({ end: () => {} })],
  ['tells of no values', () => ({ watch: () => () => {} })],
];

test.each(valueDefects)('the contract finds a log whose values: it %s', async (_, defect) => {
  const runs: (() => Promise<void>)[] = [];
  logContract('broken', {
    test: (name, run) => name.includes('value') && runs.push(run),
    makeNodes: ([clock]) => {
      const log = memoryLog({ clock });
      const shared = new SharedLog(log);
      const node = (): DeliveryLog => {
        const its = shared.node();
        return { ...its, values: its.values && { ...its.values, ...defect(its.values) } };
      };
      return [node(), { ...node(), close: () => log.close() }];
    },
    canCrash: false,
    patienceMs: 500,
  });
  const results = await Promise.allSettled(runs.map((run) => run()));
  expect(results.some(({ status }) => status === 'rejected')).toBe(true);
});

test.each(defects)('the contract finds a log that %s', async (_, defect) => {
  const runs: (() => Promise<void>)[] = [];
  logContract('broken', {
    test: (_, run) => runs.push(run),
    makeNodes: ([clock]) => {
      const log = ownLog(clock);
      const broken = { ...log, ...defect(log) };
      return [broken, broken];
    },
    without: ['notify', 'presence', 'answers', 'erase', 'values'],
    canCrash: false,
  });
  const results = await Promise.allSettled(runs.map((run) => run()));
  expect(results.some(({ status }) => status === 'rejected')).toBe(true);
});
