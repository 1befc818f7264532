/**
 * Every error that threadcast raises on purpose is a subclass, with a stable `code` and the facts as fields. The message is made from the
 * facts, so that a log line alone says what, where and the limit.
 */
export abstract class ThreadcastError extends Error {
  /** Stable, machine-readable: `TC_...`. Messages may be reworded between versions, codes are not. */
  abstract readonly code: `TC_${string}`;

  override get name(): string {
    return this.constructor.name;
  }
}

/** An unknown option, or one with a value of the wrong type or out of its range. */
export class InvalidOptionError extends ThreadcastError {
  readonly code = 'TC_INVALID_OPTION';
  readonly option: string;
  readonly value: unknown;
  readonly expected: string;

  constructor(facts: { option: string; value?: unknown; expected: string; isUnknown?: boolean }) {
    super(
      facts.isUnknown === true
        ? `option ${facts.option} does not exist; expected ${facts.expected}`
        : `option ${facts.option} is ${describe(facts.value)}; expected ${facts.expected}`,
    );
    this.option = facts.option;
    this.value = facts.value;
    this.expected = facts.expected;
  }
}

/** What was thrown, as an Error: application code may throw anything. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(typeof thrown === 'string' ? thrown : describe(thrown));
}

export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 160));
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
