import { threadName } from '../work.ts';
import { receive } from './receiver.ts';

// a plain WebSocket, as a browser has it
receive(async ({ port, connections, threads }, onMessage) => {
  const share = Math.ceil(threads / connections);
  await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      const mine = Array.from({ length: share }, (_, n) => i * share + n).filter((n) => n < threads);
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, 'threadcast.v1.json');
      await new Promise<void>((resolve, reject) => {
        let joined = 0;
        const joinNext = (): void => {
          for (const n of mine.splice(0, 64)) socket.send(JSON.stringify({ t: 'join', th: threadName(n) }));
        };
        socket.addEventListener('open', joinNext);
        socket.addEventListener('error', () => reject(new Error('no connection')));
        socket.addEventListener('message', ({ data }) => {
          const frame: { t: string; d: { due: number } } = JSON.parse(String(data));
          if (frame.t === 'msg') onMessage(frame.d.due);
          if (frame.t !== 'joined') return;
          joined++;
          if (joined % 64 === 0) joinNext();
          if (joined === Math.min(share, threads - i * share)) resolve();
        });
      });
    }),
  );
});
