/** A client of scripts/readme-picture.ts, in a process of its own: what it parses must not hold the server's event loop. */
import { connect } from 'threadcast/client';
import { WebSocket } from 'ws';

const sockets = new Set<WebSocket>();

/** A socket that can be told to read nothing, as one of a page that sleeps. */
class PausableSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols);
    sockets.add(this);
    this.on('close', () => sockets.delete(this));
  }
}

const client = connect(process.argv[2] ?? '', { WebSocket: PausableSocket });
client.join('chat').on('message', ({ data }) => {
  const kind = typeof data === 'object' && data !== null && 'kind' in data ? String(data.kind) : '';
  process.send?.({ at: Date.now(), kind });
});
process.on('message', (order) => {
  for (const socket of sockets) {
    if (order === 'stop') socket.pause();
    else socket.resume();
  }
});
process.on('disconnect', () => client.close());
