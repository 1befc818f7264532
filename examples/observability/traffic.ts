import { setInterval as every } from 'node:timers/promises';
import { connect } from 'threadcast/client';
import { WebSocket } from 'ws';

/** Clients that talk, and clients that are there and take nothing. */
export async function makeTraffic(
  url: string,
  { clients, stalled, signal }: { readonly clients: number; readonly stalled: number; readonly signal: AbortSignal },
): Promise<void> {
  const ws = url.replace('http', 'ws');
  const talkers = Array.from({ length: clients }, (_, i) => {
    const client = connect(`${ws}/?user=talker-${i}`);
    client.join('room-1');
    return client;
  });
  const silent = Array.from({ length: stalled }, (_, i) => stalledClient(`${ws}/?user=silent-${i}&thread=room-1`));
  const [first] = talkers;
  let said = 0;
  try {
    for await (const _ of every(200, undefined, { signal })) {
      said++;
      const isReport = said % 25 === 0;
      await first?.publish('room-1', isReport ? { report: { rows: 20_000, databaseMs: 20 } } : `word ${said}`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const client of talkers) client.close();
    for (const socket of silent) socket.terminate();
  }
}

/** A phone in a tunnel: the socket is open, nothing is read, no ping is answered. */
export function stalledClient(url: string): WebSocket {
  const socket = new WebSocket(url, { autoPong: false });
  socket.on('open', () => socket.pause());
  socket.on('error', () => {});
  return socket;
}
