import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { createHub } from 'threadcast';
import { httpHandler } from 'threadcast/http';
import { asBytes, asEvents, type Kind } from './contents.ts';

// What the suite needs besides the read half: PUT, POST and DELETE over the hub's public API. The library reads a thread as JSON. The suite
// reads mostly text and bytes, so of such streams the messages are texts (bytes in base64), and their answers are unpacked here.

interface Stream {
  readonly type: string;
  readonly kind: Kind;
}

const PATH = '/v1/stream/';

const kindOf = (type: string): Kind =>
  /^application\/json\b/i.test(type) ? 'json' : /^text\//i.test(type) ? 'text' : 'bytes';

const sameType = (one: string, other: string): boolean =>
  one.split(';')[0]?.trim().toLowerCase() === other.split(';')[0]?.trim().toLowerCase();

const hub = createHub({
  maxMessageBytes: 64 * 1024 * 1024,
  maxInputPerSecond: 1e6,
  maxInputPerSecondPerAddress: 1e6,
  maxInputPerSecondPerUser: 1e6,
});
const http = httpHandler(hub, {
  path: '/',
  authenticate: () => ({}),
  authorize: () => true,
  allowedOrigins: '*',
});
const streams = new Map<string, Stream>();

async function create(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const type = request.headers['content-type'] ?? 'application/octet-stream';
  const known = streams.get(name);
  if (known !== undefined && !sameType(known.type, type)) return answer(response, 409);
  const stream = known ?? { type, kind: kindOf(type) };
  const messages = messagesIn(await buffer(request), stream.kind);
  if (messages === undefined) return answer(response, 400);
  streams.set(name, stream);
  if (known === undefined) for (const message of messages) await hub.thread(name).send(message);
  const location = `http://${request.headers.host}${PATH}${name}`;
  return answer(response, known === undefined ? 201 : 200, {
    ...(known === undefined && { location }),
    'content-type': stream.type,
    'stream-next-offset': await tailOf(name),
  });
}

async function append(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const stream = streams.get(name);
  if (stream === undefined) return answer(response, 404);
  const type = request.headers['content-type'];
  const body = await buffer(request);
  if (type === undefined || body.length === 0) return answer(response, 400);
  if (!sameType(stream.type, type)) return answer(response, 409);
  const messages = messagesIn(body, stream.kind);
  if (messages === undefined || messages.length === 0) return answer(response, 400);
  for (const message of messages) await hub.thread(name).send(message);
  return answer(response, 204, { 'stream-next-offset': await tailOf(name) });
}

/** Of JSON, one level of an array is a batch. */
function messagesIn(body: Buffer, kind: Kind): unknown[] | undefined {
  if (body.length === 0) return [];
  if (kind === 'text') return [body.toString()];
  if (kind === 'bytes') return [body.toString('base64')];
  try {
    const value: unknown = JSON.parse(body.toString());
    return Array.isArray(value) ? value : [value];
  } catch {
    return undefined;
  }
}

async function tailOf(name: string): Promise<string> {
  const response = await http.fetch(new Request(`http://localhost/${name}/stream`, { method: 'HEAD' }));
  return response.headers.get('stream-next-offset') ?? '';
}

async function read(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const stream = streams.get(name);
  if (stream === undefined) return answer(response, 404);
  const query = (request.url ?? '').split('?')[1];
  // the suite waits for the end of a poll
  const url = `/${name}/stream?${query === undefined ? '' : `${query}&`}waitMs=3000`;
  if (stream.kind === 'json') {
    request.url = url;
    http.node(request, response);
    return undefined;
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const headers = new Headers(Object.entries(request.headers).map(([key, value]) => [key, String(value)]));
  const asked = new Request(`http://localhost${url}`, {
    method: request.method ?? 'GET',
    headers,
    signal: gone.signal,
  });
  const found = await http.fetch(asked);
  const isEvents = found.headers.get('content-type') === 'text/event-stream';
  const own = Object.fromEntries(found.headers);
  if (!isEvents && found.ok) own['content-type'] = stream.type;
  if (isEvents && stream.kind === 'bytes') own['stream-sse-data-encoding'] = 'base64';
  delete own['content-length'];
  response.writeHead(found.status, own);
  if (isEvents && found.body !== null) {
    response.flushHeaders();
    try {
      for await (const event of asEvents(found.body, stream.kind)) response.write(event);
    } catch {
      // the reader has gone
    }
    response.end();
    return undefined;
  }
  const body = await found.text();
  response.end(found.status === 200 && body !== '' ? asBytes(body, stream.kind) : body);
  return undefined;
}

function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store', ...headers }).end();
}

const server = createServer((request, response) => {
  const [path = ''] = (request.url ?? '').split('?');
  const name = path.slice(PATH.length);
  const { method } = request;
  const done =
    method === 'PUT'
      ? create(name, request, response)
      : method === 'POST'
        ? append(name, request, response)
        : method === 'GET' || method === 'HEAD'
          ? read(name, request, response)
          : method === 'DELETE'
            ? remove(name, response)
            : preflight(name, request, response);
  done.catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    response.destroy();
  });
});

async function remove(name: string, response: ServerResponse): Promise<void> {
  if (!streams.delete(name)) return answer(response, 404);
  await hub.thread(name).delete();
  return answer(response, 204);
}

async function preflight(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.url = `/${name}/stream`;
  http.node(request, response);
}

hub.on('error', (error) => process.stderr.write(`${String(error)}\n`));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  process.stdout.write(`http://127.0.0.1:${address.port}\n`);
});
