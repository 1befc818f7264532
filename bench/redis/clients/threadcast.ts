import { WebSocket } from 'ws';
import { threadName } from '../work.ts';
import { receive, textOf } from './receiver.ts';

/** Joins that one frame names, and that wait at the server: as `threadcast/client` sends them, and as Socket.IO's client sends a list of rooms. */
const LIST = 256;

// a plain WebSocket: what the libraries' own clients add is not compared
receive(async ({ port, connections, threads }, onMessage) => {
  const share = Math.ceil(threads / connections);
  await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      const mine = Array.from({ length: share }, (_, n) => i * share + n).filter((n) => n < threads);
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, 'threadcast.v1.json');
      await new Promise<void>((resolve, reject) => {
        let joined = 0;
        const joinNext = (): void => {
          const list = mine.splice(0, LIST).map((n) => [threadName(n)]);
          if (list.length > 0) socket.send(JSON.stringify({ t: 'joins', l: list }));
        };
        socket.on('open', joinNext);
        socket.on('error', reject);
        socket.on('message', (data) => {
          const frame: { t: string; d: { due: number } } = JSON.parse(textOf(data));
          if (frame.t === 'msg') onMessage(frame.d.due);
          if (frame.t !== 'joined') return;
          joined++;
          if (joined % LIST === 0) joinNext();
          if (joined === Math.min(share, threads - i * share)) resolve();
        });
      });
    }),
  );
});
