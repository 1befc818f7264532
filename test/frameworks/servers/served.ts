import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Hub, PublishedMessage, UpgradeServer } from 'threadcast';
import { WebSocketServer } from 'ws';

/** A server of one framework, with the hub on `/chat`, a page on `/page`, and `/login?user=` that signs a user in by a cookie. */
export interface Served {
  readonly origin: string;
  /** Ends it as the framework says: with connections of the hub that are open. */
  close(): Promise<void>;
}

export type Serve = (hub: Hub) => Promise<Served>;

/** What all frameworks say about clients. */
export function rulesOf(hub: Hub): {
  path: string;
  authorize: () => boolean;
  onPublish: (
    session: { userId?: string | undefined },
    message: PublishedMessage,
  ) => ReturnType<ReturnType<Hub['thread']>['send']>;
} {
  return {
    path: '/chat',
    authorize: () => true,
    onPublish: ({ userId }, { threadId, id, data }) =>
      hub.thread(threadId).send({ userId, data }, { idempotencyKey: id }),
  };
}

/**
 * The session of a user, as the application knows it.
 * @throws for a user whose session is broken
 */
export function sessionOf(user: unknown): { userId: string } | null {
  if (user === 'broken') throw new Error('the session store is down');
  return typeof user === 'string' ? { userId: user } : null;
}

/** For frameworks without sessions: the user in the cookie. */
export const userIn = (cookie: string | null | undefined): string | undefined =>
  /(?:^|; )user=([^;]+)/.exec(cookie ?? '')?.[1];

/** Another upgrade handler of the application, side by side with the hub: `/other` echoes. */
export function serveOther(server: UpgradeServer): void {
  const echo = new WebSocketServer({ noServer: true });
  echo.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${String(data)}`)));
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (request.url !== '/other') return;
    echo.handleUpgrade(request, socket, head, (webSocket) => echo.emit('connection', webSocket, request));
  };
  server.on('upgrade', onUpgrade);
}

export async function listen(server: UpgradeServer, scheme = 'http'): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return originOf(server, scheme);
}

export function originOf(server: Pick<Server, 'address'>, scheme = 'http'): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `${scheme}://127.0.0.1:${address.port}`;
}

/** Ends a server whose hub has let its connections go. */
export async function closeServer(server: UpgradeServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  await closed;
}
