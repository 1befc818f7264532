import { InvalidOptionError } from '../errors.ts';
import { checkCount, checkNumber, type Optional } from '../option-checks.ts';
import { checkOptions, type OptionTable } from '../option-table.ts';

/** How much of a thread's history is kept. Count and bytes always allow the newest entry, whatever its size. */
export interface Retention {
  /** @default 1000 */
  readonly maxEntries: number;
  /** Memory in bytes: a message's JSON, its compressed forms, and 1 KiB for each message. @default 64 MiB */
  readonly maxBytes: number;
  /** @default one hour */
  readonly maxAgeMs: number;
}

/** What is kept of some threads; what it leaves out is as for all threads. */
export type RetentionRule = Optional<Pick<Retention, 'maxEntries' | 'maxAgeMs'>>;

/**
 * Rules by the ids of threads: an id, or a pattern with one `*` at its end, which stands for any rest that is not empty. An id goes before a
 * pattern, and the longest pattern before others: `{ 'room:*': { maxEntries: 50 }, 'room:lobby': { maxAgeMs: 60_000 } }`. All nodes need the
 * same rules.
 */
export type RetentionRules = Readonly<Record<string, RetentionRule>>;

/** Bytes that several buffers hold together. */
export interface Ledger {
  bytes: number;
}

const RULE: OptionTable<RetentionRule> = { maxEntries: 'number', maxAgeMs: 'number' };

/**
 * The retention of each thread, as one object for each rule.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) naming the rule's option and its range
 */
export function retentionTable(base: Retention, rules: RetentionRules = {}): (threadId: string) => Retention {
  if (Array.isArray(rules))
    throw new InvalidOptionError({ option: 'log.retention', value: rules, expected: 'an object of rules by pattern' });
  const byId = new Map<string, Retention>();
  const byPrefix: { readonly prefix: string; readonly retention: Retention }[] = [];
  for (const [pattern, rule] of Object.entries(rules)) {
    const option = `log.retention['${pattern}']`;
    checkOptions<RetentionRule>(rule, RULE, option);
    const star = pattern.indexOf('*');
    if (pattern === '' || (star >= 0 && star < pattern.length - 1))
      throw new InvalidOptionError({ option, value: pattern, expected: 'a thread id, or one with a * at its end' });
    const retention = {
      maxEntries: checkCount(`${option}.maxEntries`, rule.maxEntries, base.maxEntries, { min: 1, max: 10_000_000 }),
      maxBytes: base.maxBytes,
      maxAgeMs: checkNumber(`${option}.maxAgeMs`, rule.maxAgeMs, base.maxAgeMs, { min: 1 }),
    };
    if (star < 0) byId.set(pattern, retention);
    else byPrefix.push({ prefix: pattern.slice(0, star), retention });
  }
  if (byId.size + byPrefix.length === 0) return () => base;
  byPrefix.sort((a, b) => b.prefix.length - a.prefix.length);
  return (threadId) =>
    byId.get(threadId) ??
    byPrefix.find(({ prefix }) => threadId.length > prefix.length && threadId.startsWith(prefix))?.retention ??
    base;
}
