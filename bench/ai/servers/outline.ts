import { createServer } from 'node:http';
import { WebSocketServer, type WebSocket } from 'ws';
import { Model, serve, type Chunk } from '../work.ts';

// What the outline in the docs of WebSocketChatTransport does: all chunks in a list, each sent to each viewer in a frame of its own, and all of
// them again to one that resumes.

interface Frame {
  readonly type: 'send' | 'resume';
  readonly requestId: string;
}

const model = new Model();
const server = createServer();
const chunks: { readonly sequence: number; readonly chunk: Chunk }[] = [];
const viewers = new Map<WebSocket, string>();

new WebSocketServer({ server }).on('connection', (socket) => {
  socket.on('message', (data) => {
    const { type, requestId }: Frame = JSON.parse(Buffer.isBuffer(data) ? data.toString() : '{}');
    viewers.set(socket, requestId);
    if (type === 'send') void answer();
    else replay(socket, requestId);
  });
  socket.on('close', () => viewers.delete(socket));
});

function replay(socket: WebSocket, requestId: string): void {
  socket.send(JSON.stringify({ type: 'start', requestId }));
  for (const { sequence, chunk } of chunks) socket.send(JSON.stringify({ type: 'chunk', requestId, sequence, chunk }));
}

async function answer(): Promise<void> {
  for await (const chunk of model) {
    const sequence = chunks.length;
    chunks.push({ sequence, chunk });
    for (const [socket, requestId] of viewers)
      socket.send(JSON.stringify({ type: 'chunk', requestId, sequence, chunk }));
  }
}

await serve(server, model);
