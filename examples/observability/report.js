/**
 * Runs in a worker thread: builds a report and serializes it there.
 * @param {{ rows: number, databaseMs: number }} what how many rows, and how long the database thinks
 */
export default async function report({ rows, databaseMs }) {
  await new Promise((resolve) => setTimeout(resolve, databaseMs));
  return {
    kind: 'report',
    rows: Array.from({ length: rows }, (_, i) => ({ id: i, name: `row ${i}`, value: i * 1.5 })),
  };
}
