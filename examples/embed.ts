import { createServer } from 'node:http';
import { createHub, refuse } from 'threadcast';

export const hub = createHub();
export const server = createServer();

hub.attach(server, {
  authenticate({ url = '/' }) {
    const userId = new URL(url, 'ws://localhost').searchParams.get('user'); // your session cookie or token here
    return userId === null ? refuse(401) : { userId };
  },
  authorize: (_session, threadId) => threadId === 'lobby',
});
hub.on('connection', (connection) => {
  connection.on('message', ({ data }) => hub.thread('lobby').send({ user: connection.userId, data }));
});
server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
