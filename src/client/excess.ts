/** The oldest keys of a map or set, as long as it has more than `max`; the caller deletes each. */
export function* excess<Key>(from: { readonly size: number; keys(): Iterable<Key> }, max: number): Generator<Key> {
  for (const key of from.keys()) {
    if (from.size <= max) return;
    yield key;
  }
}
