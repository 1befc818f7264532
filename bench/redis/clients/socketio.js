import { io } from 'socket.io-client';
import { threadName } from '../work.ts';
import { receive } from './receiver.ts';

receive(async ({ port, connections, threads }, onMessage) => {
  const share = Math.ceil(threads / connections);
  await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      const rooms = Array.from({ length: share }, (_, n) => i * share + n).filter((n) => n < threads);
      const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], forceNew: true });
      socket.on('m', ({ due }) => onMessage(due));
      await new Promise((resolve) => socket.on('connect', resolve));
      await socket.emitWithAck('join', rooms.map(threadName));
    }),
  );
});
