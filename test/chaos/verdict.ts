import type { Acked } from './publisher.ts';
import type { Logs, Loss } from './store.ts';
import type { Seen, Watcher } from './watcher.ts';

/** Everything that is wrong, in words; empty where each promise was kept. */
export function judge(
  logs: Logs,
  watchers: readonly Watcher[],
  acked: readonly Acked[],
  losses: readonly Loss[],
): string[] {
  const wrong: string[] = [];
  for (const [threadId, log] of logs) {
    const ids = new Map(log.map(({ id, offset }) => [id, offset]));
    if (ids.size !== log.length) wrong.push(`${threadId}: an id is in the log twice`);
    if (log.some(({ offset }, i) => offset !== i + 1)) wrong.push(`${threadId}: the log has holes`);
    for (const { key, began, at } of acked.filter((publish) => publish.threadId === threadId)) {
      // a busy node may pass on the old store's answer when the restored one runs already
      const mayBeLost = losses.some(({ from, to }) => from <= at && began <= to);
      if (!ids.has(key) && !mayBeLost) wrong.push(`${threadId}: ${key} was acknowledged and is lost`);
    }
    for (const [i, watcher] of watchers.entries()) {
      for (const fault of faultsOf(watcher.seen.get(threadId) ?? [], log))
        wrong.push(`client ${i}, ${threadId}: ${fault}`);
    }
  }
  return wrong;
}

/** A client's messages between two gaps follow each other; after the last gap they are the log's, up to its end. */
function faultsOf(seen: readonly Seen[], log: readonly { readonly offset: number; readonly id: string }[]): string[] {
  const faults: string[] = [];
  let expected = 1;
  let ids = new Map<string, number>();
  for (const event of seen) {
    if (event.kind === 'gap') {
      expected = event.offset + 1;
      ids = new Map();
      continue;
    }
    if (event.offset !== expected) faults.push(`${event.offset} (${event.id}) came where ${expected} was due`);
    if (ids.has(event.id)) faults.push(`${event.id} came at ${ids.get(event.id)} and at ${event.offset}`);
    ids.set(event.id, event.offset);
    expected = event.offset + 1;
  }
  const lastGap = seen.findLastIndex(({ kind }) => kind === 'gap');
  for (const event of seen.slice(lastGap + 1)) {
    if (event.kind === 'message' && log[event.offset - 1]?.id !== event.id)
      faults.push(`${event.id} is not the log's ${event.offset}`);
  }
  if (expected - 1 !== log.length) faults.push(`ends at ${expected - 1}, the log at ${log.length}`);
  return faults;
}
