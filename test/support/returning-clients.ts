// Clients of one page load each, in a process of their own, that all come back at the same moment.
import { connect } from '../../src/client/index.ts';

/** What each client has got of the thread. */
export interface ReturningBooks {
  readonly offsets: readonly (readonly number[])[];
  /** Connections that were opened, of all clients together. */
  readonly opened: number;
}

const [url = '', count = '0'] = process.argv.slice(2);
const BACKOFF = { minMs: 300, maxMs: 300 };
const offsets: number[][] = [];
let opened = 0;

await Promise.all(
  Array.from({ length: Number(count) }, (_, i) => {
    const client = connect(url, { backoff: BACKOFF, random: () => 0 });
    const got: number[] = (offsets[i] = []);
    client.on('state', ({ to }) => {
      if (to === 'open') opened++;
    });
    const thread = client.join('t', { from: 'start' });
    thread.on('message', ({ offset = 0 }) => got.push(offset));
    return new Promise<void>((resolve) => void thread.on('joined', () => resolve()));
  }),
);
process.send?.('joined');
process.on('message', () => {
  const books: ReturningBooks = { offsets, opened };
  process.send?.(books);
});
