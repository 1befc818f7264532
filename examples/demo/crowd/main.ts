/**
 * The crowd's process: all clients of the demo, away from the server's event loop, which is what is measured. Started by
 * `crowd.ts` with the address as first argument, and the flags of the demo; ends with its parent.
 */
import { parseFlags } from '../flags.ts';
import { CrowdClient, type ClientOptions } from './client.ts';
import { isOrder, PHONE, type News } from './news.ts';
import { SLOW_BYTES_PER_SECOND } from './slow.ts';

/** One message between processes for all that happened in this time. */
const BATCH_MS = 50;

/** Which message the forgetful client forgets: one in the middle. */
const FORGOTTEN = 7;

const [url = '', ...flagArgs] = process.argv.slice(2);
const { healthy, slow, stopped, forgetOne, once } = parseFlags(flagArgs);

let batch: News[] = [];
const tell = (news: News): void => {
  if (batch.length === 0) setTimeout(flush, BATCH_MS);
  batch.push(news);
};
const flush = (): void => {
  // the parent may be gone this very moment; `disconnect` follows
  if (process.connected) process.send?.(batch, undefined, undefined, () => {});
  batch = [];
};

const clients = new Map<string, CrowdClient>();
function add(kind: string, count: number, optionsOf: (i: number) => Partial<ClientOptions> = () => ({})): void {
  for (let i = 1; i <= count; i++) {
    const user = `${kind}-${i}`;
    clients.set(user, new CrowdClient({ url, user, ...optionsOf(i) }, tell));
  }
}
add('healthy', healthy, (i) => ({ forgets: forgetOne && i === 1 ? FORGOTTEN : undefined }));
add('slow', slow, () => ({ bytesPerSecond: SLOW_BYTES_PER_SECOND }));
add('stopped', stopped);
// of a single play the numbers count, and the visitors' phone is not in them
if (!once) clients.set(PHONE, new CrowdClient({ url, user: PHONE }, tell));

process.on('message', (order) => {
  if (isOrder(order)) clients.get(order.user)?.[order.order]();
});
process.on('disconnect', () => {
  for (const client of clients.values()) client.end();
});
// Ctrl-C reaches the whole process group; the parent ends us when it has shut down in order
process.on('SIGINT', () => {});

for (const client of clients.values()) client.connect();
