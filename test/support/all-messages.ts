import type { HistoryMessage, Thread } from '../../src/index.ts';

/** All messages of a thread, page by page. */
export async function allMessages(thread: Thread, limit = 1_000): Promise<HistoryMessage[]> {
  const all: HistoryMessage[] = [];
  for (let before: string | undefined; ;) {
    const { messages, hasOlder } = await thread.history({ before, limit });
    all.unshift(...messages);
    if (!hasOlder) return all;
    before = messages[0]?.cursor;
  }
}
