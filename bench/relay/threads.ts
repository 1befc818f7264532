/** What a thread holds in the memory of a process, in bytes: `node --expose-gc bench/relay/threads.ts <count>`. */
import { createHub, memoryLog } from 'threadcast';
import { FakeLink } from 'threadcast/testing';

/** Of one thread. */
export interface ThreadBytes {
  /** With one member, besides its connection, and no message. */
  readonly joined: number;
  /** With one message of 200 characters, and no member, before `threadIdleMs`. */
  readonly quiet: number;
}

const count = Number(process.argv[2] ?? '20000');
const hub = createHub({ log: memoryLog(), maxThreadsPerConnection: count });

/** Bytes in use after what is garbage has gone. */
async function bytesInUse(): Promise<number> {
  for (let n = 0; n < 3; n++) {
    await new Promise((resolve) => void setTimeout(resolve, 50));
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function perThread(make: (n: number) => Promise<unknown>): Promise<number> {
  for (let n = 0; n < 500; n++) await make(n - 1_000);
  const before = await bytesInUse();
  for (let n = 0; n < count; n++) await make(n);
  return ((await bytesInUse()) - before) / count;
}

const link = new FakeLink();
const connection = hub.accept(link.attach, { authorize: () => true });
const joined = await perThread(async (n) => {
  await connection.join(`joined:${n}`);
  link.received.length = 0;
});
const quiet = await perThread((n) => hub.thread(`quiet:${n}`).send({ text: 'x'.repeat(200) }));
const found: ThreadBytes = { joined, quiet };
if (process.send === undefined) console.log(found);
else process.send(found);
await hub.close();
process.exit(0);
