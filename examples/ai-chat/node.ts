import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { createHub, memoryLog } from 'threadcast';
import { serveChat, type ChatAnswer, type ChatMessage } from 'threadcast/ai';
import { redisLog } from 'threadcast/redis';
import { recordedAnswer } from './recorded.ts';

// One node: the hub, the chats, and the page. Beside it, the stock WebSocketChatTransport of the AI SDK finds its server at /api/chat.

const { REDIS_URL, PORT = '0', AI_MODEL } = process.env;

/** Of `app/provider.ts`, which has the packages of the page. */
interface Provider {
  answer(messages: ChatMessage[], signal: AbortSignal): ChatAnswer;
}
const provider: Provider | undefined =
  AI_MODEL === undefined ? undefined : await import(new URL('app/provider.ts', import.meta.url).href);

const hub = createHub({
  log: REDIS_URL === undefined ? memoryLog() : redisLog({ url: REDIS_URL }),
  maxMessageBytes: 64 * 1024 * 1024,
});
hub.on('error', (error) => console.error(`node ${process.pid}`, error));

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
const server = createServer((request, response) => {
  const [path = '/'] = (request.url ?? '/').split('?', 1);
  const name = /^\/(assets\/[\w.-]+)?$/.exec(path) === null ? undefined : path === '/' ? '/index.html' : path;
  readFile(new URL(`app/dist${name ?? '/none'}`, import.meta.url)).then(
    (file) => response.setHeader('content-type', `${TYPES[extname(name ?? '')] ?? ''}; charset=utf-8`).end(file),
    () => response.writeHead(404).end(),
  );
});

// everybody may use every chat whose address they know: an application asks its database
const chat = serveChat(hub, server, {
  path: '/api/chat',
  authorize: () => true,
  run: ({ messages, signal }) => provider?.answer(messages, signal) ?? recordedAnswer(messages, signal),
});

hub.attach(server, {
  path: '/ws',
  authorize: (_session, threadId) => threadId.startsWith('chat:'),
  onPublish(session, message) {
    if (isKill(message.data)) {
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);
      return true;
    }
    return chat.onPublish(session, message) ?? false;
  },
});

/** For the button of the page. */
function isKill(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'kill';
}

server.listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'));
const leave = (): void => void hub.drain({ timeoutMs: 3_000 }).then(() => process.exit(0));
process.once('SIGTERM', leave);
process.once('disconnect', leave);
