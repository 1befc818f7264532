import { setTimeout as delay } from 'node:timers/promises';
import type { FakeLink } from '../../src/testing/index.ts';

/** The numbers in this field of the messages, as they came. */
export function numbersOf({ received }: FakeLink, field: string): number[] {
  return received.flatMap((frame) => {
    const [, n] = new RegExp(`"${field}":(\\d+)`).exec(frame) ?? [];
    return n === undefined ? [] : [Number(n)];
  });
}

export const typeOf = (frame: string): string => /"t":"(\w+)"/.exec(frame)?.[1] ?? '';

/** False if it does not hold within this time. */
export async function lookUntil(holds: () => boolean, ms: number): Promise<boolean> {
  for (const until = Date.now() + ms; !holds(); await delay(5)) if (Date.now() > until) return false;
  return true;
}
