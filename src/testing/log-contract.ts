import { entryTests } from './contract/entries.ts';
import { editTests } from './contract/edits.ts';
import { nodeTests } from './contract/between-nodes.ts';
import { valueTests } from './contract/values.ts';
import { NodesUnderTest, type LogPart, type MakeNodes } from './contract/nodes-under-test.ts';

export type { LogPart, MakeNodes };

export interface LogContractOptions {
  /** Registers one test: `test` of `node:test`, of vitest or of Jest. Give each test a minute, if the log is a real database. */
  readonly test: (name: string, run: () => Promise<void>) => unknown;
  /**
   * Makes two nodes of a new log, which shares nothing with those of earlier calls: another prefix, another schema. Each node takes its time
   * from its clock, and its database's time as well, if the log can be told to. The suite closes both.
   */
  readonly makeNodes: MakeNodes;
  /** Parts of the port that the log does not have. The hub then refuses what needs them. @default none */
  readonly without?: readonly LogPart[] | undefined;
  /** A node whose clock stands still counts as crashed. Set it to false for a log in one process. @default true */
  readonly canCrash?: boolean | undefined;
  /** Real time after which a wait for another node has failed. @default 60000 */
  readonly patienceMs?: number | undefined;
}

/**
 * What the hub needs of a `DeliveryLog`, as tests for any runner: entries, edits, removals, notices, values, presence, remembered answers.
 * A log of your own that passes them carries every feature of the hub that goes through these parts.
 *
 * ```ts
 * logContract('my log', { test, makeNodes: async ([clock, otherClock]) => [myLog({ clock }), myLog({ clock: otherClock })] });
 * ```
 *
 * It does not test what depends on limits of your own: trimming, memory, a lost line.
 */
export function logContract(
  name: string,
  { test, makeNodes, without = [], canCrash = true, patienceMs = 60_000 }: LogContractOptions,
): void {
  const tests = [...entryTests, ...editTests, ...nodeTests, ...valueTests];
  for (const { name: title, needs = [], isCrash = false, run } of tests) {
    if (needs.some((part) => without.includes(part)) || (isCrash && !canCrash)) continue;
    test(`${name}: ${title}`, async () => {
      const nodes = await NodesUnderTest.start(makeNodes, patienceMs);
      try {
        await run(nodes);
      } catch (error) {
        await Promise.allSettled([nodes.here.close(), nodes.there.close()]);
        throw error;
      }
      await nodes.end();
    });
  }
}
