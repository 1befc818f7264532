import type { IncomingMessage } from 'node:http';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Session } from '../api/session.ts';
import { Gateway, type HttpAdapterLike, type NestServeOptions } from './nestjs-gateway.ts';

import type { ModulesLike } from './nestjs-guards.ts';

export type { GuardContext, GuardLike } from './nestjs-guards.ts';
export type { NestServeOptions } from './nestjs-gateway.ts';

/** Inject it for the hub: `@Inject(THREADCAST_HUB) hub: Hub`. */
export const THREADCAST_HUB: unique symbol = Symbol.for('threadcast.hub');
const OPTIONS = Symbol.for('threadcast.options');

/** What Nest injects by. */
export type NestToken = string | symbol | (abstract new (...parameters: never[]) => object);

/** Options that are made when the application starts. */
export interface NestAsyncOptions<
  Request extends IncomingMessage,
  S extends Session,
  Definition extends ThreadDefinition,
  Imported = never,
> {
  imports?: Imported[] | undefined;
  /** Tokens of what the factory gets. */
  inject?: NestToken[] | undefined;
  useFactory: (
    ...injected: never[]
  ) => NestServeOptions<Request, S, Definition> | Promise<NestServeOptions<Request, S, Definition>>;
}

/** As Nest takes it in `imports`. */
export interface ThreadcastDynamicModule<Imported = never> {
  module: typeof ThreadcastModule;
  global: true;
  imports: Imported[];
  providers: { provide: symbol; useFactory: (...parameters: never[]) => unknown; inject: NestToken[] }[];
  exports: symbol[];
}

/**
 * Serves a path of a Nest application: WebSockets, and the HTTP door. A handshake passes the application's middleware and the module's guards.
 *
 * ```ts
 * @Module({ imports: [ThreadcastModule.forRoot({ hub, path: '/chat', guards: [SignedIn], authenticate: ({ user }) => user, authorize })] })
 * export class AppModule {}
 * ```
 */
export class ThreadcastModule {
  /** @throws InvalidOptionError (`TC_INVALID_OPTION`), when the application starts */
  static forRoot<Request extends IncomingMessage, S extends Session, Definition extends ThreadDefinition = never>(
    options: NestServeOptions<Request, S, Definition>,
  ): ThreadcastDynamicModule {
    return ThreadcastModule.forRootAsync({ useFactory: () => options });
  }

  /** With options that a factory makes of what is injected. */
  static forRootAsync<
    Request extends IncomingMessage,
    S extends Session,
    Definition extends ThreadDefinition = never,
    Imported = never,
  >({
    imports = [],
    inject = [],
    useFactory,
  }: NestAsyncOptions<Request, S, Definition, Imported>): ThreadcastDynamicModule<Imported> {
    type Options = NestServeOptions<Request, S, Definition>;
    const gateway = (options: Options, { httpAdapter }: { httpAdapter: HttpAdapterLike }, modules: ModulesLike) =>
      new Gateway(options, httpAdapter, modules);
    return {
      module: ThreadcastModule,
      global: true,
      imports,
      providers: [
        { provide: OPTIONS, useFactory, inject },
        { provide: THREADCAST_HUB, useFactory: ({ hub }: Options) => hub, inject: [OPTIONS] },
        { provide: Symbol('threadcast.gateway'), useFactory: gateway, inject: [OPTIONS, HttpAdapterHost, ModuleRef] },
      ],
      exports: [THREADCAST_HUB],
    };
  }
}
