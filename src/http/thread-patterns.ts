/**
 * Whether one of the patterns allows a thread. A pattern is a thread id, or the beginning of ids with one `*` at its end; a `*` elsewhere is a
 * character like others, so that no pattern allows more than it seems to.
 */
export function allows(patterns: readonly string[], threadId: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? threadId.startsWith(pattern.slice(0, -1)) : pattern === threadId,
  );
}

/** What an unchecked list of patterns is; undefined if it is none. */
export function patternsIn(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
}
