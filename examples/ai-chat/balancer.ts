import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A load balancer of a few lines, for the loopback: each new connection goes to the next node that takes it, and stays there until
 * one side ends it. Any balancer that passes WebSockets on does the same; no sticky sessions are needed.
 */
export async function startBalancer(port: number, nodes: readonly number[]): Promise<Server> {
  let turn = 0;
  const pass = (client: Socket, attempts: number): void => {
    if (attempts === 0) {
      client.destroy();
      return;
    }
    const node = connect(nodes[turn++ % nodes.length] ?? 0, '127.0.0.1');
    const tryNext = (): void => pass(client, attempts - 1);
    node.once('error', tryNext);
    node.once('connect', () => {
      node.off('error', tryNext);
      for (const [from, to] of [
        [client, node],
        [node, client],
      ] as const) {
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    });
  };
  const server = createServer((client) => {
    client.on('error', () => {});
    pass(client, nodes.length);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening').catch((cause: unknown) => {
    throw new Error(`no balancer on port ${port}; another one: PORT=8090 npm start`, { cause });
  });
  return server;
}
