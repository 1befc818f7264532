import { createServer } from 'node:http';
import { serveHub } from 'threadcast/use/ws';
import { WebSocketServer } from 'ws';
import { answerPlainly } from './plain.ts';
import { closeServer, listen, rulesOf, serveOther, sessionOf, userIn, type Serve } from './served.ts';

export const serveWs: Serve = async (hub) => {
  const { path, ...rules } = rulesOf(hub);
  const server = createServer(answerPlainly);
  const wss = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (request.url?.startsWith(path) !== true) return;
    wss.handleUpgrade(request, socket, head, (webSocket) => wss.emit('connection', webSocket, request));
  });
  const end = serveHub(hub, wss, { ...rules, path, authenticate: ({ headers }) => sessionOf(userIn(headers.cookie)) });
  serveOther(server);
  const origin = await listen(server);
  return {
    origin,
    async close() {
      end();
      await hub.drain();
      await closeServer(server);
    },
  };
};
