import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { connect } from '../../src/client/index.ts';
import { createHub, memoryLog } from '../../src/index.ts';
import { attachRelay, createPool, relayLog, type PoolOptions, type Relay } from '../../src/pool/index.ts';
import { rejectionOf } from '../client/fake-network.ts';

const FAST = { retryDelaysMs: [10], breakerThreshold: 2, cooldownMs: 100, settleMs: 20 } satisfies PoolOptions;

/** A certificate that only says so itself. */
function certificateFor(name: string): { readonly key: Buffer; readonly cert: Buffer } {
  const dir = mkdtempSync(join(tmpdir(), 'threadcast-tls-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const subject = ['-subj', '/CN=relay', '-addext', `subjectAltName=${name}`, '-days', '2'];
  const how = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', ...subject];
  execFileSync('openssl', [...how, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

async function listen(server: Server | ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

function relayOf(server: Server | ReturnType<typeof createServer>): Relay {
  const relay = attachRelay(server, { log: memoryLog(), authenticate: (_request, { token }) => token === 'secret' });
  onTestFinished(() => relay.close());
  return relay;
}

function nodeAt(url: string, options: Partial<PoolOptions> = {}) {
  const pool = createPool({ url, WebSocket, token: 'secret', ...FAST, ...options });
  const errors: unknown[] = [];
  pool.on('error', (error) => errors.push(error));
  const hub = createHub({ log: relayLog({ pool, timeoutMs: 1_000 }) });
  onTestFinished(() => hub.close());
  return { hub, pool, errors };
}

/** The messages of an error and of what has caused it. */
const wordsOf = (error: unknown): string =>
  error instanceof Error ? `${error.message}; ${wordsOf(error.cause)}` : 'no more';

/** Trusts the authority, as `NODE_EXTRA_CA_CERTS` does for a process. */
function trusting(ca: Buffer): NonNullable<PoolOptions['WebSocket']> {
  return class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols, { ca });
    }
  };
}

it('a relay over TLS serves nodes that trust its certificate', async () => {
  const certificate = certificateFor('IP:127.0.0.1');
  const server = createSecureServer(certificate);
  const relay = relayOf(server);
  const url = `wss://${await listen(server)}/relay`;
  const { hub, errors } = nodeAt(url, { WebSocket: trusting(certificate.cert) });
  const { position } = await hub.thread('t').send('by TLS');
  expect(position).toContain('.1.');
  expect(relay.nodes).toBe(1);
  expect(errors).toEqual([]);
});

it.each([
  ['that nobody has signed', 'IP:127.0.0.1', undefined, /self.signed/],
  ['of another host', 'DNS:other.test', 'own', /altnames/],
])('a certificate %s is refused, and each error names it', async (_, name, trusted, words) => {
  const certificate = certificateFor(name);
  const server = createSecureServer(certificate);
  const relay = relayOf(server);
  const url = `wss://${await listen(server)}/relay`;
  const { hub, errors } = nodeAt(url, trusted === undefined ? {} : { WebSocket: trusting(certificate.cert) });
  await expect
    .poll(() => errors[0])
    .toMatchObject({ code: 'TC_CONNECTION_FAILING', reason: expect.stringMatching(words) });
  const refused = await rejectionOf(hub.thread('t').send('x'));
  expect(refused).toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  expect(wordsOf(refused)).toMatch(words);
  expect(relay.nodes).toBe(0);
});

it.each<[string, PoolOptions['token']]>([
  ['a wrong token', 'wrong'],
  ['no token', ''],
  ['a function with a wrong token', () => 'wrong'],
])('a node with %s is refused for good, with a coded error, and asks again after the cooldown', async (_, token) => {
  const server = createServer();
  const relay = relayOf(server);
  const url = `ws://${await listen(server)}/relay`;
  const { hub, pool, errors } = nodeAt(url, { token });
  await expect
    .poll(() => errors.slice(0, 2))
    .toMatchObject([1, 2].map(() => ({ code: 'TC_CONNECTION_REFUSED', closeCode: 4401 })));
  expect(await rejectionOf(hub.thread('t').send('x'))).toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  expect(relay.nodes).toBe(0);
  expect(pool.stats.evictions).toBeGreaterThan(0);
});

it('clients and nodes of one server stay apart: neither gets in at the path of the other', async () => {
  const server = createServer();
  const relay = relayOf(server);
  const hub = createHub();
  onTestFinished(() => hub.close());
  hub.attach(server, { path: '/ws', authorize: () => true });
  const address = await listen(server);
  // a client with the nodes' token, on the nodes' path
  const client = connect(`ws://${address}/relay`, { token: 'secret', backoff: { minMs: 10, maxMs: 20 } });
  onTestFinished(() => client.close());
  const failures: unknown[] = [];
  client.on('error', (error) => failures.push(error));
  await expect.poll(() => failures[0]).toMatchObject({ code: 'TC_CONNECTION_FAILING' });
  expect(relay.nodes).toBe(0);
  // a node on the clients' path
  const { hub: node, errors } = nodeAt(`ws://${address}/ws`);
  await expect.poll(() => errors[0]).toMatchObject({ code: 'TC_CONNECTION_FAILING' });
  expect(await rejectionOf(node.thread('t').send('x'))).toMatchObject({ code: 'TC_LOG_UNAVAILABLE' });
  await expect.poll(() => hub.stats().connections.total).toBe(0);
});
