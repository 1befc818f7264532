/** Titles of the contenders by name, in the order of the columns. */
export type Names = ReadonlyMap<string, string>;

/** All names that were measured at least once. */
export function namesIn(series: Iterable<ReadonlyMap<string, unknown>>): ReadonlySet<string> {
  return new Set([...series].flatMap((map) => [...map.keys()]));
}

/** The columns of a table: one for each contender that was measured. */
export function columnsOf(
  names: Names,
  measured: ReadonlySet<string>,
): { head: readonly string[]; cells: (cell: (name: string) => string) => string[] } {
  const columns = [...names].filter(([name]) => measured.has(name));
  return {
    head: columns.map(([, title]) => title),
    cells: (cell) => columns.map(([name]) => cell(name)),
  };
}
