import 'reflect-metadata';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  ForbiddenException,
  Injectable,
  Module,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Request } from 'express';
import session from 'express-session';
import type { Hub } from 'threadcast';
import { ThreadcastModule } from 'threadcast/use/nestjs';
import { originOf, rulesOf, serveOther, sessionOf, userIn, type Serve, type Served } from './served.ts';

// decorators are functions: the tests' compiler has none

class Users {
  isBanned(user: unknown): boolean {
    return user === 'banned';
  }
}
Injectable()(Users);

class NotBanned implements CanActivate {
  readonly #users: Users;

  constructor(users: Users) {
    this.#users = users;
  }

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return false;
    const { session, headers } = context.switchToHttp().getRequest<Partial<Request>>();
    if (this.#users.isBanned(session?.user ?? userIn(headers?.cookie))) throw new ForbiddenException('banned');
    return true;
  }
}
Injectable()(NotBanned);
Reflect.defineMetadata('design:paramtypes', [Users], NotBanned);

class UsersModule {}
Module({ providers: [Users, NotBanned], exports: [Users, NotBanned] })(UsersModule);

/** @typeParam Request that of the HTTP adapter */
async function makeApp<Request extends IncomingMessage>(
  hub: Hub,
  adapter: AbstractHttpAdapter,
  userOf: (request: Request) => unknown,
): Promise<INestApplication> {
  class AppModule {}
  const chat = ThreadcastModule.forRootAsync({
    imports: [UsersModule],
    inject: [Users],
    useFactory: (users: Users) => ({
      hub,
      ...rulesOf(hub),
      guards: users.isBanned('banned') ? [NotBanned] : [],
      authenticate: (request: Request) => sessionOf(userOf(request)),
    }),
  });
  Module({ imports: [UsersModule, chat] })(AppModule);
  const app = await NestFactory.create(AppModule, adapter, { logger: false });
  // after its middleware
  app.use('/page', (_: unknown, response: ServerResponse) => response.end('a page'));
  serveOther(app.getHttpServer());
  return app;
}

async function start(app: INestApplication): Promise<Served> {
  await app.listen(0, '127.0.0.1');
  return { origin: originOf(app.getHttpServer()), close: () => app.close() };
}

export const serveNest: Serve = async (hub) => {
  const app = await makeApp(hub, new ExpressAdapter(), ({ session }: Request) => session.user);
  app.use(session({ secret: 'for the test', resave: false, saveUninitialized: false }));
  app.use('/login', ({ session, query }: Request, response: ServerResponse) => {
    session.user = String(query.user);
    response.end('signed in');
  });
  return start(app);
};

/** Without sessions: its requests have those of Fastify, which its middleware does not see. */
export const serveNestOverFastify: Serve = async (hub) => {
  const app = await makeApp(hub, new FastifyAdapter(), ({ headers }) => userIn(headers.cookie));
  app.use(({ url = '' }: IncomingMessage, response: ServerResponse, next: () => void) => {
    if (url.startsWith('/login')) response.setHeader('set-cookie', `user=${url.split('=')[1]}`).end('signed in');
    else next();
  });
  return start(app);
};
