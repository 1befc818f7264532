// A client in a process of its own, so that it can be stopped by a signal. Comes back with its position when its socket is
// closed, and reports the numbers it got once it has a hundred.
import { WsClient } from './ws-server.ts';

const [url = ''] = process.argv.slice(2);
const numbers: unknown[] = [];
let position: string | undefined;
for (let isFirst = true; numbers.length < 100; isFirst = false) {
  const client = new WsClient(url, 't', position);
  await client.until(({ isJoined }) => isJoined);
  if (isFirst) process.send?.('joined');
  const done = client.until(({ messages }) => numbers.length + messages.length >= 100);
  await Promise.race([client.closed, done]);
  numbers.push(...client.messages.map(({ d }) => numberOf(d)));
  position = client.position;
}
process.send?.(numbers);

function numberOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'i' in message ? message.i : message;
}
