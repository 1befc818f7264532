import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, type Client } from '../../src/client/index.ts';
import { createHub } from '../../src/index.ts';
import { freePort } from '../support/free-port.ts';
import { toolPath } from '../support/tool.ts';

/** The block of docs/deployment.md in that language. */
async function blockOf(language: string): Promise<string> {
  const page = await readFile(new URL('../../docs/deployment.md', import.meta.url), 'utf8');
  const block = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(page)?.[1];
  if (block === undefined) throw new Error(`no block of ${language}`);
  return block;
}

const hub = createHub({ heartbeatMs: 200, sendTimeoutMs: 2_000 });
const app = createServer((_request, response) => response.writeHead(404).end());
const addresses: (string | undefined)[] = [];
hub.attach(app, {
  path: '/chat',
  authorize: () => true,
  onPublish: (_session, { threadId, id, data }) => hub.thread(threadId).send(data, { idempotencyKey: id }),
  clientAddress({ headers }) {
    const address = headers['x-real-ip']?.toString();
    addresses.push(address);
    return address;
  },
});

let dir = '';
let nginx: ChildProcess;
let client: Client;
const port = await freePort();

beforeAll(async () => {
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const address = app.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  dir = await mkdtemp(join(tmpdir(), 'threadcast-deployment-'));
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`);
  const block = (await blockOf('nginx'))
    .replace('server 127.0.0.1:3000;', `server 127.0.0.1:${address.port};`)
    .replace('listen 80;', `listen 127.0.0.1:${port};`);
  const main = `daemon off; pid ${dir}/pid; error_log ${dir}/error.log; worker_processes 1; events { worker_connections 64; }`;
  await writeFile(join(dir, 'nginx.conf'), `${main}\nhttp { access_log off; ${paths.join(' ')}\n${block}\n}`);
  nginx = spawn(toolPath('nginx'), ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')]);
  client = connect(`ws://127.0.0.1:${port}/chat`, { backoff: { minMs: 50, maxMs: 100 } });
});

afterAll(async () => {
  client.close();
  nginx.kill();
  await hub.close();
  app.close();
  await rm(dir, { recursive: true, force: true });
});

it('the nginx file of the page passes WebSockets on, with pings, big messages and the client’s address', async () => {
  const got: unknown[] = [];
  client.join('room').on('message', ({ data }) => got.push(data));
  await client.publish('room', 'hello');
  const big = 'x'.repeat(3_000_000);
  await hub.thread('room').send(big);
  await expect.poll(() => got).toEqual(['hello', big]);
  const [connection] = hub.thread('room').members;
  // a ping barrier went to the client and back
  await expect.poll(() => connection?.stats.roundTripMs).toBeGreaterThan(0);
  expect(addresses[0]).toBe('127.0.0.1');
});

it('systemd finds nothing wrong with the unit of the page', async () => {
  const unit = (await blockOf('ini')).replace('/usr/bin/node', process.execPath).replace('User=app\n', '');
  const file = join(dir, 'threadcast-example.service');
  await writeFile(file, unit);
  const { stderr } = await promisify(execFile)(toolPath('systemd-analyze'), ['verify', '--man=no', file]);
  expect(stderr.split('\n').filter((line) => line.includes('threadcast-example'))).toEqual([]);
});
