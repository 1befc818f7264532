// A stream of server-sent events that is resumed through Redis, as the README of resumable-stream has it.
import { createServer } from 'node:http';
import { createClient } from 'redis';
import { createResumableStreamContext } from 'resumable-stream';
import { Model, serve } from '../work.ts';

const [url = ''] = process.argv.slice(2);
const model = new Model();
const [publisher, subscriber] = [createClient({ url }), createClient({ url })];
await Promise.all([publisher.connect(), subscriber.connect()]);
const context = createResumableStreamContext({ waitUntil: null, publisher, subscriber });

function events() {
  const iterator = model[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { value } = await iterator.next();
      controller.enqueue(`data: ${JSON.stringify(value)}\n\n`);
    },
  });
}

async function send(stream, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  if (stream === null || stream === undefined) throw new Error('there is no such stream');
  const reader = stream.getReader();
  response.once('close', () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    if (done || response.destroyed) break;
    response.write(value);
  }
  response.end();
}

const server = createServer((request, response) => {
  const stream =
    request.method === 'POST' ? context.createNewResumableStream('c', events) : context.resumeExistingStream('c');
  stream.then((found) => send(found, response)).catch((error) => console.error(error));
});
await serve(server, model);
