/** How many ids are remembered, or threads held, at most, where a server decides how many there are. */
export const MANY = 16_384;

/** Drops the oldest keys of a map or set, as long as it has more than `max`. `drop` deletes the key. */
export function dropExcess<Key>(
  from: { readonly size: number; keys(): Iterable<Key>; delete(key: Key): void },
  max: number,
  drop: (key: Key) => void = (key) => from.delete(key),
): void {
  for (const key of from.keys()) {
    if (from.size <= max) return;
    drop(key);
  }
}
