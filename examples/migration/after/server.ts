// threadcast: the same chat. A client that reconnects also gets what it has missed.
import { createServer } from 'node:http';
import { createHub, refuse } from 'threadcast';

const http = createServer();
const hub = createHub();

hub.attach(http, {
  // io.use((socket, next) => …)
  authenticate({ url = '/' }) {
    const user = new URL(url, 'http://localhost').searchParams.get('token');
    return user ? { userId: user } : refuse(401, 'who are you?');
  },
  // socket.on('join', …)
  authorize: (_session, threadId) => threadId === 'lobby',
  // socket.on('chat', …)
  onPublish({ userId }, { threadId, id, data }) {
    if (typeof data !== 'string') return false;
    return hub.thread(threadId).send({ user: userId, text: data }, { idempotencyKey: id });
  },
});

http.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => console.log('listening'));
process.once('SIGTERM', async () => {
  await hub.drain();
  http.close();
});
