import { once } from 'node:events';
import { createServer } from 'node:http';
import { createHub, inWorker, refuse, type Hub, type HubOptions } from 'threadcast';
import { redisLog } from 'threadcast/redis';
import type { Telemetry } from './telemetry.ts';

export interface App {
  readonly hub: Hub;
  /** `http://127.0.0.1:…`; metrics are at `/metrics`. */
  readonly url: string;
  close(): Promise<void>;
}

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
  const server = createServer((request, response) => {
    if (request.url === '/metrics') telemetry.serveMetrics(request, response);
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
      await hub.drain({ timeoutMs: 1_000 });
      server.close();
    },
  };
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
