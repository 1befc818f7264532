import { WebSocketServer } from 'ws';
import { onTestFinished } from 'vitest';
import { listen } from './gateway.ts';

/** A server that only greets, as one of version 0.1 that takes no bytes; `binary` has the binary messages that it got nevertheless. */
export async function greetingServer(): Promise<{ readonly url: string; readonly binary: readonly unknown[] }> {
  const { http, port } = await listen();
  const binary: unknown[] = [];
  const wss = new WebSocketServer({ server: http });
  onTestFinished(() => wss.close());
  wss.on('connection', (socket) => {
    socket.send(JSON.stringify({ t: 'hello', sid: 's', pingMs: 1_000, limits: { maxBytes: 65_536 } }));
    socket.on('message', (data, isBinary) => isBinary && binary.push(data));
  });
  return { url: `ws://127.0.0.1:${port}`, binary };
}
