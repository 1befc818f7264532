/** Nesting beyond which a value is refused, as in requests of clients. */
const MOST_LEVELS = 128;

/**
 * About the length of a value's JSON: without escapes, and what `toJSON` would make. A long text costs nothing, where `JSON.stringify` copies it.
 * @throws TypeError for what is nested too deep, or is in itself
 */
export function sizeOf(value: unknown, level = 0): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  if (level >= MOST_LEVELS) throw new TypeError('a chunk is nested too deep');
  let size = 2;
  if (Array.isArray(value)) for (const element of value) size += sizeOf(element, level + 1) + 1;
  else for (const [name, field] of Object.entries(value)) size += name.length + 4 + sizeOf(field, level + 1);
  return size;
}
