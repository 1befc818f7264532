import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { serveHub } from 'threadcast/use/next';
import { closeServer, listen, rulesOf, serveOther, sessionOf, userIn, type Serve } from './served.ts';

// its types are those of a bundler
const next: typeof import('next').default = createRequire(import.meta.url)('next');

/** Its pages are one that has every path, and a route that signs in. */
const dir = fileURLToPath(new URL('../fixtures/next', import.meta.url));

export const serveNext: Serve = async (hub) => {
  const app = next({ dev: true, dir, quiet: true });
  await app.prepare();
  const chat = serveHub(hub, app, {
    ...rulesOf(hub),
    authenticate: ({ headers }) => sessionOf(userIn(headers.cookie)),
  });
  const server = createServer(chat.handler);
  chat.attach(server);
  serveOther(server);
  const origin = await listen(server);
  return {
    origin,
    async close() {
      await hub.drain();
      await app.close();
      await closeServer(server);
    },
  };
};
