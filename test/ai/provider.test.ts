import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { WebSocketChatTransport, type UIMessage } from 'ai';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { collect, send, user } from './chat-server.ts';

// a node of examples/ai-chat with a real provider, by its environment: this is a gateway that speaks the protocol of the AI SDK

interface Asked {
  readonly key: string | undefined;
  readonly model: unknown;
  readonly prompt: unknown;
}

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 2, text: 2, reasoning: 0 },
};
const PARTS = [
  { type: 'stream-start', warnings: [] },
  { type: 'reasoning-start', id: 'r' },
  { type: 'reasoning-delta', id: 'r', delta: 'A greeting.' },
  { type: 'reasoning-end', id: 'r' },
  { type: 'text-start', id: 't' },
  ...['Hello, ', 'world'].map((delta) => ({ type: 'text-delta', id: 't', delta })),
  { type: 'text-end', id: 't' },
  { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage },
];

const SECRET = 'key sk-secret of account 4711 is not known at 10.0.0.1';

async function startGateway(): Promise<{ readonly url: string; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { authorization: key } = request.headers;
    const { prompt } = JSON.parse(await text(request));
    asked.push({ key, model: request.headers['ai-language-model-id'], prompt });
    if (key !== 'Bearer right') {
      const error = { message: SECRET, type: 'authentication_error' };
      response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const part of PARTS) response.write(`data: ${JSON.stringify(part)}\n\n`);
    response.end('data: [DONE]\n\n');
  };
  const server = createServer((request, response) => void respond(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address: AddressInfo | string | null = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v4/ai`, asked };
}

/** A node of the example, and what it says about errors. */
async function startNode(env: Readonly<Record<string, string>>) {
  const port = await freePort();
  const path = fileURLToPath(new URL('../../examples/ai-chat/node.ts', import.meta.url));
  const node = fork(path, { env: { ...process.env, ...env, PORT: String(port) }, silent: true });
  onTestFinished(() => void node.kill('SIGKILL'));
  const said = { text: '' };
  node.stderr?.on('data', (data) => (said.text += String(data)));
  await once(node, 'message');
  const transport = new WebSocketChatTransport<UIMessage>({ url: `ws://127.0.0.1:${port}/api/chat` });
  onTestFinished(() => transport.close());
  return { transport, said };
}

test('a model behind a gateway answers, with the conversation and the key of the environment', async () => {
  const { url, asked } = await startGateway();
  const env = { AI_MODEL: 'lab/model-1', AI_GATEWAY_URL: url, AI_GATEWAY_API_KEY: 'right' };
  const { transport, said } = await startNode(env);
  const answer = collect(await send(transport, 'c', { messages: [user('hello')] }));
  const chunks = await answer.over;
  expect(answer.text).toBe('Hello, world');
  expect(chunks.some((chunk) => chunk.type === 'reasoning-delta' && chunk.delta === 'A greeting.')).toBe(true);
  expect(chunks.at(-1)?.type).toBe('finish');
  expect(asked).toMatchObject([
    {
      key: 'Bearer right',
      model: 'lab/model-1',
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }],
    },
  ]);
  expect(said.text).toBe('');
});

test.each([
  ['a wrong key', { AI_GATEWAY_API_KEY: 'wrong' }],
  ['no gateway there', { AI_GATEWAY_API_KEY: 'right', AI_GATEWAY_URL: 'http://127.0.0.1:9/v4/ai' }],
])('with %s, the viewer gets a text without internals, and the node says why', async (_, env) => {
  const { url } = await startGateway();
  const { transport, said } = await startNode({ AI_MODEL: 'lab/model-1', AI_GATEWAY_URL: url, ...env });
  const chunks = await collect(await send(transport)).over;
  expect(chunks.at(-1)).toEqual({ type: 'error', errorText: 'The answer failed.' });
  expect(JSON.stringify(chunks)).not.toMatch(/secret|4711|127\.0\.0\.1|10\.0\.0\.1|key/i);
  await expect.poll(() => said.text).toContain('Error');
  // the chat goes on
  expect((await collect(await send(transport)).over).at(-1)?.type).toBe('error');
});
