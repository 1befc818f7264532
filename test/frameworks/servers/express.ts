import { createServer } from 'node:http';
import express, { type Request } from 'express';
import session from 'express-session';
import { serveHub } from 'threadcast/use/express';
import { closeServer, listen, rulesOf, serveOther, sessionOf, type Serve } from './served.ts';

declare module 'express-session' {
  interface SessionData {
    user: string;
  }
}

export const serveExpress: Serve = async (hub) => {
  const app = express();
  const chat = serveHub(hub, app, {
    ...rulesOf(hub),
    authenticate: (request: Request) => sessionOf(request.session.user),
  });
  app.use(session({ secret: 'for the test', resave: false, saveUninitialized: false }));
  app.use(express.json());
  app.get('/login', ({ session, query }, response) => {
    session.user = String(query.user);
    response.send('signed in');
  });
  app.get('/page', (_, response) => void response.send('a page'));
  app.use((request, response, next) => {
    if (request.session.user === 'banned') response.status(403).send('banned');
    else next();
  });
  app.use(chat.handler);
  const server = createServer(app);
  chat.attach(server);
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
