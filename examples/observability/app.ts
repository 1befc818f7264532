import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createHub, inWorker, refuse, type Hub, type HubOptions } from 'threadcast';
import { inspectorHandler } from 'threadcast/inspector';
import { redisLog } from 'threadcast/redis';
import type { Telemetry } from './telemetry.ts';

export interface App {
  readonly hub: Hub;
  /** `http://127.0.0.1:…`; metrics are at `/metrics`. */
  readonly url: string;
  close(): Promise<void>;
}

const PAGE = readFileSync(new URL('page.html', import.meta.url), 'utf8');

/** For looking at the alerts without waiting: peers are given up on within a second, and never evicted. */
const IMPATIENT: HubOptions = {
  sendTimeoutMs: 200,
  retryDelaysMs: [100, 100, 100],
  breakerThreshold: 1_000_000,
};

/** A chat: what a client says in a room goes to all of the room, and `{"report": …}` is answered with a report from a worker. */
export async function startApp(
  telemetry: Telemetry,
  {
    port,
    isImpatient,
    redisUrl,
  }: { readonly port: number; readonly isImpatient: boolean; readonly redisUrl: string | undefined },
): Promise<App> {
  const log = redisUrl === undefined ? {} : { log: redisLog({ url: redisUrl }) };
  const hub = createHub({ ...(isImpatient ? IMPATIENT : {}), ...log });
  hub.on('error', (error) => console.error('hub:', error));
  // for this machine only, with a key in the link of the page
  const inspect = inspectorHandler(hub, { path: '/inspector/' });
  const page = PAGE.replace('/inspector/', inspect.location).replace('<!-- traces -->', tracesOf(telemetry));
  const server = createServer((request, response) => {
    if (inspect(request, response)) return;
    if (request.url === '/metrics') telemetry.serveMetrics(request, response);
    else if (request.url === '/traces' && telemetry.traces) {
      response.setHeader('content-type', 'text/plain; charset=utf-8').end(telemetry.traces.text());
    } else if (request.url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page);
    else response.writeHead(404).end();
  });
  hub.attach(server, {
    authenticate({ url = '/' }) {
      const userId = new URL(url, 'ws://localhost').searchParams.get('user');
      return userId === null ? refuse(401) : { userId };
    },
    authorize: (_session, threadId) => threadId.startsWith('room-'),
    onPublish({ userId }, { threadId, id, data, trace }) {
      const report = reportRequest(data);
      const message =
        report === undefined ? { from: userId, said: data } : inWorker(new URL('report.js', import.meta.url), report);
      // the client's span is linked, so that one finds what it led to
      return hub.thread(threadId).send(message, { idempotencyKey: id, traceLink: trace });
    },
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    hub,
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`,
    async close() {
      inspect.close();
      await hub.drain({ timeoutMs: 1_000 });
      server.close();
    },
  };
}

/** Where the traces are. */
function tracesOf({ traces }: Telemetry): string {
  return traces === undefined
    ? 'Traces<p>They go to the collector that <code>OTEL_EXPORTER_OTLP_ENDPOINT</code> names: look at them there.</p>'
    : '<a href="/traces">Traces</a><p>The newest ten messages, from the publication to each client.</p>';
}

/** What a client asks for, as far as it makes sense: a client may send anything. */
function reportRequest(data: unknown): { rows: number; databaseMs: number } | undefined {
  if (typeof data !== 'object' || data === null || !('report' in data)) return undefined;
  const { rows, databaseMs } = Object(data.report);
  return { rows: bounded(rows, 100_000), databaseMs: bounded(databaseMs, 1_000) };
}

function bounded(value: unknown, most: number): number {
  return typeof value === 'number' && value > 0 ? Math.min(value, most) : 0;
}
