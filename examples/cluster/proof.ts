import { connect } from 'threadcast/client';

const MESSAGES = 200;

/** Ten readers and a writer while a node dies: whether each message came to each of them, once and in order. */
export async function prove(url: string, killNode: () => void): Promise<boolean> {
  const received = Array.from({ length: 10 }, (): unknown[] => []);
  const clients = received.map((list, i) => {
    const client = connect(`${url}?user=reader${i}`, { backoff: { minMs: 50, maxMs: 500 } });
    client.join('lobby', { from: 'start' }).on('message', ({ data }) => list.push(data));
    return client;
  });
  const writer = connect(`${url}?user=writer`, { backoff: { minMs: 50, maxMs: 500 } });
  for (let i = 1; i <= MESSAGES; i++) {
    if (i === MESSAGES / 2) killNode();
    await writer.publish('lobby', i);
  }
  const deadline = performance.now() + 15_000;
  while (received.some(({ length }) => length < MESSAGES) && performance.now() < deadline) {
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
  for (const client of [...clients, writer]) client.close();
  const orders = received.map((list) => list.map((data) => dataOf(data)).join(' '));
  const expected = Array.from({ length: MESSAGES }, (_, i) => i + 1).join(' ');
  const complete = orders.filter((order) => order === expected).length;
  console.log(
    `${complete} of ${orders.length} readers got all ${MESSAGES} messages once and in order, though a node was killed`,
  );
  return complete === orders.length;
}

function dataOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'data' in message ? message.data : undefined;
}
