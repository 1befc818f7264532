import { createServer } from 'node:http';
import crossws from 'crossws/adapters/node';
import { serveHub } from 'threadcast/use/crossws';
import { closeServer, listen, rulesOf, serveOther, sessionOf, userIn, type Serve } from './served.ts';
import { answerPlainly } from './plain.ts';

/** As Nitro's server for Node: every upgrade is crossws's. */
export const serveCrossws: Serve = async (hub) => {
  const { path, ...rules } = rulesOf(hub);
  const { handleUpgrade } = crossws({
    hooks: serveHub(hub, { ...rules, authenticate: ({ headers }) => sessionOf(userIn(headers.get('cookie'))) }),
  });
  const server = createServer(answerPlainly);
  server.on('upgrade', (request, socket, head) => {
    if (request.url?.startsWith(path) === true) void handleUpgrade(request, socket, head);
  });
  serveOther(server);
  const origin = await listen(server);
  return {
    origin,
    async close() {
      await hub.drain();
      await closeServer(server);
    },
  };
};
