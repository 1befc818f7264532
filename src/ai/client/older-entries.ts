import type { ChunkClient } from '../../chunks/index.ts';
import {
  ClientClosedError,
  ServerError,
  type ClientThread,
  type Older,
  type OlderMessage,
} from '../../client/index.ts';

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

/**
 * The data of a message after `from`; undefined if the log does not hold it any more.
 * @throws ClientClosedError, ServerError, and what the join is refused with
 */
async function wholeMessage(client: ChunkClient, threadId: string, from: string, id: string): Promise<unknown> {
  const reader = client.join(threadId, { from });
  let end: 'gap' | Error | undefined;
  const stop = (why: 'gap' | Error): void => {
    end ??= why;
    reader.leave();
  };
  const timer = setTimeout(() => stop(new ServerError({ reason: 'unavailable', threadId })), WHOLE_MS);
  reader.on('gap', () => stop('gap'));
  reader.on('error', stop);
  try {
    for await (const message of reader) if (message.id === id) return message.data;
  } finally {
    clearTimeout(timer);
    reader.leave();
  }
  if (end === 'gap') return undefined;
  throw end ?? new ClientClosedError({ action: 'loadOlder' });
}
