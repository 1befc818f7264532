/**
 * Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998): a thread belongs to the place with the
 * highest score for it. When a place comes or goes, only the threads that belong there move.
 */

/** FNV-1a over UTF-16, once for each thread. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The score of a place for a thread: the finalizer of MurmurHash3 over both. */
function scoreOf(hash: number, place: number): number {
  let x = hash ^ Math.imul(place + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The place with the highest score, or undefined if there is none. */
export function placeOf<T extends { readonly place: number }>(hash: number, places: Iterable<T>): T | undefined {
  let best: T | undefined;
  let highest = -1;
  for (const each of places) {
    const score = scoreOf(hash, each.place);
    if (score > highest) {
      highest = score;
      best = each;
    }
  }
  return best;
}
