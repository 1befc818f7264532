import type { IncomingMessage, ServerResponse } from 'node:http';
import type { UpgradeServer } from '../api/attach.ts';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import type { Session } from '../api/session.ts';
import { serveHub } from './express.ts';
import { appOf, guardOf, refusalOf, type GuardLike, type ModulesLike } from './nestjs-guards.ts';
import type { ServeOptions } from './options.ts';

/** What is used of an HTTP adapter of Nest 10 to 12: that of Express or Fastify. */
export interface HttpAdapterLike {
  getHttpServer(): UpgradeServer;
  getInstance(): unknown;
  use(handler: (request: never, response: ServerResponse, next: () => void) => void): unknown;
}

/** @typeParam Request the application's request, as `Request` of Express */
export interface NestServeOptions<
  Request extends IncomingMessage = IncomingMessage,
  S extends Session = Session,
  Definition extends ThreadDefinition = never,
> extends ServeOptions<Request, S, Definition> {
  /** The hub: the module ends it with the application. */
  hub: Hub<Definition>;
  /**
   * Guards of the handshake and of each HTTP request, classes or instances, before `authenticate`. They see an HTTP context (`getType()` is
   * `http`). Global guards do not count. @default none
   */
  guards?: readonly (GuardLike | (new (...parameters: never[]) => GuardLike))[] | undefined;
  /** Whether the end of the application drains the hub. Without that, it waits for the hub's connections. @default true */
  drainOnClose?: boolean | undefined;
}

/** The hub in an application of Nest, which calls the hooks of its life. */
export class Gateway<Request extends IncomingMessage, S extends Session, Definition extends ThreadDefinition> {
  readonly #options: NestServeOptions<Request, S, Definition>;
  readonly #adapter: HttpAdapterLike;
  readonly #modules: ModulesLike;
  #detach = (): void => {};

  constructor(options: NestServeOptions<Request, S, Definition>, adapter: HttpAdapterLike, modules: ModulesLike) {
    this.#options = options;
    this.#adapter = adapter;
    this.#modules = modules;
  }

  async onModuleInit(): Promise<void> {
    const { hub, guards: listed = [], drainOnClose: _, ...options } = this.#options;
    const guards = await Promise.all(listed.map((guard) => guardOf(guard, this.#modules)));
    const responses = new WeakMap<object, ServerResponse>();
    const chat = serveHub<Request, S, Definition>(hub, appOf(this.#adapter.getInstance()), {
      ...options,
      authenticate: async (request, context) =>
        (await refusalOf(guards, request, responses.get(request))) ?? options.authenticate(request, context),
    });
    // after the controllers, before the 404
    this.#adapter.use((request: Request, response, next) => {
      responses.set(request, response);
      chat.handler(request, response, next);
    });
    this.#detach = chat.attach(this.#adapter.getHttpServer());
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#detach();
    if (this.#options.drainOnClose !== false) await this.#options.hub.drain();
  }
}
