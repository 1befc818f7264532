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
  const entries: OlderMessage[] = [];
  let hasOlder = true;
  const load = async (most: number): Promise<void> => {
    const page = await thread.loadOlder({ limit: most });
    entries.unshift(...page.messages);
    hasOlder = page.hasOlder;
  };
  // a page has 64 KiB, so there may be several
  while (hasOlder && entries.length < limit) await load(limit - entries.length);
  // what is before it says from where to read
  while (hasOlder && isCut(entries[0])) await load(1);
  const messages: OlderMessage[] = [];
  for (const [i, entry] of entries.entries()) {
    const from = i === 0 ? 'start' : entries[i - 1]?.position;
    const data = isCut(entry) && from ? await wholeMessage(client, thread.id, from, entry.id) : entry.data;
    messages.push({ ...entry, data });
  }
  return { messages, hasOlder };
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
