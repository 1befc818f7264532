import { WebSocket } from 'ws';
import { threadName } from '../work.ts';
import { receive, textOf } from './receiver.ts';

// Socket.IO's protocol over a plain WebSocket, as the other client speaks its own: what their own clients add is not compared
receive(async ({ port, connections, threads }, onMessage) => {
  const share = Math.ceil(threads / connections);
  await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      const rooms = Array.from({ length: share }, (_, n) => i * share + n).filter((n) => n < threads);
      const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
      await new Promise<void>((resolve, reject) => {
        const handlers: Readonly<Record<string, (text: string) => void>> = {
          // an event
          '42': (text) => {
            const [, message]: [string, { due: number }] = JSON.parse(text.slice(2));
            onMessage(message.due);
          },
          // an answer to an event
          '43': () => resolve(),
          '40': () => socket.send(`421${JSON.stringify(['join', rooms.map(threadName)])}`),
          // its transport is open
          '0{': () => socket.send('40'),
          // a ping
          '2': () => socket.send('3'),
        };
        socket.on('error', reject);
        socket.on('message', (data) => {
          const text = textOf(data);
          handlers[text.slice(0, 2)]?.(text);
        });
      });
    }),
  );
});
