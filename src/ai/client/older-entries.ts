import type { ChunkClient } from '../../chunks/index.ts';
import type { ClientThread, Older, OlderMessage } from '../../client/index.ts';

/** How long a message that is read from the log may take. */
const WHOLE_MS = 60_000;

/**
 * So many entries from before those that the thread has given, each with its data. A page of history leaves out the data of a message above
 * 256 KiB: it is read from the log as a live message, in parts that delay nothing else. Without `data` stays what the log no longer holds.
 * @throws as `thread.loadOlder`
 */
export async function olderEntries(client: ChunkClient, thread: ClientThread, limit: number): Promise<Older> {
  let page = await thread.loadOlder({ limit });
  const entries = [...page.messages];
  // a page has 64 KiB, so there may be several; what is before a message says from where to read it
  while (page.hasOlder && (entries.length < limit || isCut(entries[0]))) {
    page = await thread.loadOlder({ limit: Math.max(1, limit - entries.length) });
    if (page.messages.length === 0) break;
    entries.unshift(...page.messages);
  }
  const messages: OlderMessage[] = [];
  for (const [i, entry] of entries.entries()) {
    const from = i === 0 ? 'start' : entries[i - 1]?.position;
    const data = isCut(entry) && from ? await wholeMessage(client, thread.id, from, entry.id) : entry.data;
    messages.push({ ...entry, data });
  }
  return { messages, hasOlder: page.hasOlder };
}

/** A message of the application's database has no position: the log cannot give it. */
const isCut = (entry: OlderMessage | undefined): boolean => entry?.bytes !== undefined && entry.position !== '';

/** The data of a message after `from`; undefined if it does not come. */
function wholeMessage(client: ChunkClient, threadId: string, from: string, id: string): Promise<unknown> {
  return new Promise((resolve) => {
    const reader = client.join(threadId, { from });
    const settle = (data: unknown): void => {
      clearTimeout(timer);
      reader.leave();
      resolve(data);
    };
    const timer = setTimeout(settle, WHOLE_MS, undefined);
    reader.on('message', (message) => {
      if (message.id === id) settle(message.data);
    });
    for (const end of ['gap', 'left', 'error'] as const) reader.on(end, () => settle(undefined));
  });
}
