/** Maximum changed letters for a name to count as a misspelling of another one. */
const MAX_CHANGES = 2;

/** The known name that was probably meant; undefined if none is similar. */
export function similarName(name: string, known: readonly string[]): string | undefined {
  const plain = plainOf(name);
  const same = known.find((candidate) => plainOf(candidate) === plain);
  if (same !== undefined) return same;
  let best: string | undefined;
  let fewest = Math.min(MAX_CHANGES, Math.floor(plain.length / 3)) + 1;
  for (const candidate of known) {
    const changes = changesBetween(plain, plainOf(candidate));
    if (changes < fewest) [best, fewest] = [candidate, changes];
  }
  return best;
}

/** Whether two names differ only in capitals, hyphens and underscores. */
export function isSameName(a: string, b: string): boolean {
  return plainOf(a) === plainOf(b);
}

function plainOf(name: string): string {
  return name
    .slice(0, 64)
    .toLowerCase()
    .replaceAll(/[^a-z\d]/g, '');
}

/** The Levenshtein distance. */
function changesBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
