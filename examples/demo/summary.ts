import { audit, isExact, type Published, type Verdict } from './audit.ts';
import { KINDS, type Books, type Crowd, type Kind } from './crowd/crowd.ts';
import { formatBlock } from './loop-probe.ts';
import type { Played } from './stage.ts';

/** One row of the table: all clients of a kind. */
interface Row extends Verdict {
  readonly kind: Kind;
  readonly clients: number;
  /** Clients that got every message exactly once and in order. */
  readonly exact: number;
  /** UTF-16 units of text that came token by token. */
  readonly streamed: number;
  readonly resumes: number;
  readonly gaps: number;
  readonly evicted: number;
}

/** How a play went for everybody, and whether the promise was kept. */
export interface Summary {
  readonly played: Played;
  readonly rows: readonly Row[];
  /** Every healthy client received every message exactly once and in order. */
  readonly isKept: boolean;
}

export function summarize(played: Played, crowd: Crowd, said?: ReadonlyMap<number, Published>): Summary {
  const rows = KINDS.map((kind) => rowOf(kind, crowd.of(kind), played, said));
  const isKept =
    played.published.length > 0 && rows.every(({ kind, clients, exact }) => kind !== 'healthy' || exact === clients);
  return { played, rows, isKept };
}

function rowOf(
  kind: Kind,
  books: readonly Books[],
  { published, evictions }: Played,
  said?: ReadonlyMap<number, Published>,
): Row {
  const verdicts = books.map(({ received }) => audit(published, received, said));
  const sum = (pick: (verdict: Verdict) => number): number => verdicts.reduce((total, one) => total + pick(one), 0);
  return {
    kind,
    clients: books.length,
    exact: verdicts.filter(isExact).length,
    received: sum(({ received }) => received),
    duplicates: sum(({ duplicates }) => duplicates),
    missing: sum(({ missing }) => missing),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    damaged: sum(({ damaged }) => damaged),
    bytes: sum(({ bytes }) => bytes),
    streamed: books.reduce((total, { streamed }) => total + streamed, 0),
    resumes: books.reduce((total, { resumes }) => total + resumes, 0),
    gaps: books.reduce((total, { gaps }) => total + gaps, 0),
    evicted: evictions.filter(({ user }) => books.some((one) => one.user === user)).length,
  };
}

/** The summary as a table for the terminal. */
export function formatSummary({ played, rows, isKept }: Summary): string {
  const { published, evictions, longestBlock, seconds } = played;
  const head = [
    '',
    'clients',
    'exact',
    'received',
    'dup',
    'missing',
    'disorder',
    'damaged',
    'gaps',
    'evicted',
    'resumed',
    'streamed',
    'MB',
  ];
  const cells = rows.map((row) => [
    row.kind,
    ...[row.clients, row.exact, row.received, row.duplicates, row.missing, row.outOfOrder].map(String),
    ...[row.damaged, row.gaps, row.evicted, row.resumes, row.streamed].map(String),
    megabytes(row.bytes),
  ]);
  const totalBytes = rows.reduce((total, { bytes }) => total + bytes, 0);
  const healthy = rows.find(({ kind }) => kind === 'healthy');
  return [
    `play ${played.play}: ${published.length} messages in ${seconds.toFixed(1)} s`,
    '',
    ...table([head, ...cells]),
    '',
    `longest event-loop block  ${formatBlock(longestBlock)}`,
    `bytes delivered           ${megabytes(totalBytes)} MB`,
    ...evictions.map(
      ({ user, code, reason, after }) =>
        `evicted                   ${user}: ${code} ${reason}, after ${after.toFixed(1)} s`,
    ),
    '',
    isKept
      ? `OK: all ${healthy?.clients ?? 0} healthy clients received all ${published.length} messages exactly once and in order`
      : `FAILED: ${healthy?.exact ?? 0} of ${healthy?.clients ?? 0} healthy clients received all ${published.length} messages exactly once and in order`,
  ].join('\n');
}

/** The summary in a line, for a demo that plays on. */
export function formatLine({ played, rows }: Summary): string {
  const exact = rows.map(({ kind, clients, exact }) => `${kind} ${exact}/${clients}`).join(', ');
  const block = formatBlock(played.longestBlock);
  return `play ${played.play} done in ${played.seconds.toFixed(1)} s, exactly once and in order: ${exact}; longest block: ${block}`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
