/** A chat on Fastify: rooms with history, presence and typing. `npm start`, then open the address in two windows. */
import { readFile } from 'node:fs/promises';
import Fastify from 'fastify';
import { createHub, healthHandler, refuse } from 'threadcast';
import { isOwnPresence } from 'threadcast/presence';

/** The package's browser modules, which the page's import map names: a bundler would do the same. */
const PACKAGE = new URL('../', import.meta.resolve('threadcast/client'));
const MODULE = /^(?:client|presence|values|api|define)\/[\w-]+\.js$/;
const PAGE = new Map([
  ['', { file: 'index.html', type: 'text/html' }],
  ['app.js', { file: 'app.js', type: 'text/javascript' }],
  ['style.css', { file: 'style.css', type: 'text/css' }],
]);

const hub = createHub();
hub.on('error', (error) => app.log.error(error));

const health = healthHandler(hub);
const app = Fastify({ logger: { level: 'warn' } });

app.get('/*', async (request, reply) => {
  const path = request.url.split('?', 1)[0]?.slice(1) ?? '';
  const page = PAGE.get(path);
  if (page) {
    const text = await readFile(new URL(`./page/${page.file}`, import.meta.url));
    return reply.type(`${page.type}; charset=utf-8`).send(text);
  }
  const module = path.startsWith('threadcast/') ? path.slice('threadcast/'.length) : '';
  if (MODULE.test(module)) return reply.type('text/javascript').send(await readFile(new URL(module, PACKAGE)));
  return reply.code(404).send();
});
app.get('/readyz', (request, reply) => {
  reply.hijack();
  health(request.raw, reply.raw);
});

hub.attach(app.server, {
  path: '/chat',
  authenticate({ url = '/' }) {
    // a name is enough here; use your session cookie or a token
    const userId = new URL(url, 'http://localhost').searchParams.get('user');
    return userId !== null && /^[\w-]{1,32}$/.test(userId) ? { userId } : refuse(401);
  },
  authorize: (_session, threadId) => threadId.startsWith('room:'),
  async onPublish({ userId }, { threadId, id, data }) {
    if (typeof data !== 'string' || data.trim() === '' || data.length > 2_000) return false;
    return hub.thread(threadId).send({ user: userId, text: data.trim() }, { idempotencyKey: id });
  },
  onValue: ({ userId }, change) => isOwnPresence(userId, change), // presence and typing of the client's own user
});

process.once('SIGTERM', async () => {
  await hub.drain();
  await app.close();
});
console.log(`chat: ${await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' })}`);
