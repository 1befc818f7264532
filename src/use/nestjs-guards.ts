import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from '../api/refusal.ts';
import { UnsupportedServerError } from '../infra/errors.ts';
import { refuse } from '../infra/socket/refuse.ts';
import type { ExpressApp } from './express.ts';

/** What a guard is given: an HTTP context. */
export interface GuardContext {
  getType(): string;
  getClass(): unknown;
  getHandler(): unknown;
  getArgs(): unknown[];
  getArgByIndex(index: number): unknown;
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown; getNext(): unknown };
}

/** What is used of an observable of rxjs. */
interface ObservableLike {
  subscribe(observer: { next(value: boolean): void; error(error: unknown): void; complete(): void }): unknown;
}

/** A guard of Nest: `CanActivate`. */
export interface GuardLike {
  canActivate(context: GuardContext): boolean | PromiseLike<boolean> | ObservableLike;
}

/** What is used of the module's reference. */
export interface ModulesLike {
  get(type: unknown, options: { strict: false }): unknown;
  create(type: unknown): Promise<unknown>;
}

/** Of a class, the guard that a module has, or a new one with what it injects. */
export async function guardOf(
  guard: GuardLike | (new (...parameters: never[]) => GuardLike),
  modules: ModulesLike,
): Promise<GuardLike> {
  if (typeof guard !== 'function') return guard;
  let made: unknown;
  try {
    made = modules.get(guard, { strict: false });
  } catch {
    made = await modules.create(guard);
  }
  if (isGuard(made)) return made;
  throw new TypeError(`${guard.name} has no canActivate`);
}

const isGuard = (made: unknown): made is GuardLike =>
  typeof made === 'object' && made !== null && 'canActivate' in made && typeof made.canActivate === 'function';

/**
 * What the first guard that does not let the request pass says.
 * @throws what a guard throws, unless it is an HTTP exception of 4xx or 503
 */
export async function refusalOf(
  guards: readonly GuardLike[],
  request: IncomingMessage,
  response: ServerResponse | undefined,
): Promise<Refusal | undefined> {
  for (const guard of guards) {
    try {
      if (!(await answerOf(guard.canActivate(contextOf(guard, request, response))))) return refuse(403);
    } catch (error) {
      const status = statusOf(error);
      if (status === 401 || status === 429 || status === 503) return refuse(status, textOf(error));
      if (status >= 400 && status < 500) return refuse(403, textOf(error));
      throw error;
    }
  }
  return undefined;
}

function answerOf(answer: ReturnType<GuardLike['canActivate']>): boolean | PromiseLike<boolean> {
  if (typeof answer === 'boolean' || !('subscribe' in answer)) return answer;
  return new Promise((resolve, reject) => {
    answer.subscribe({ next: resolve, error: reject, complete: () => resolve(false) });
  });
}

function contextOf(guard: GuardLike, request: IncomingMessage, response: ServerResponse | undefined): GuardContext {
  const next = (): void => {};
  const all = [request, response, next];
  return {
    getType: () => 'http',
    getClass: () => guard.constructor,
    getHandler: () => next,
    getArgs: () => all,
    getArgByIndex: (index) => all[index],
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => response, getNext: () => next }),
  };
}

/** 500 for what is no exception of Nest. */
function statusOf(error: unknown): number {
  const status: unknown =
    error instanceof Error && 'getStatus' in error && typeof error.getStatus === 'function' ? error.getStatus() : 500;
  return typeof status === 'number' ? status : 500;
}

const textOf = (error: unknown): string | undefined => (error instanceof Error ? error.message : undefined);

/** The application of an adapter, of Express or Fastify. */
export function appOf(instance: unknown): ExpressApp {
  if (isApp(instance)) return instance;
  if (hasRouting(instance)) return (request, response) => instance.routing(request, response);
  throw new UnsupportedServerError({ reason: 'the HTTP adapter of Nest is that of neither Express nor Fastify' });
}

const isApp = (instance: unknown): instance is ExpressApp => typeof instance === 'function';

const hasRouting = (instance: unknown): instance is { routing: ExpressApp } =>
  typeof instance === 'object' && instance !== null && 'routing' in instance && typeof instance.routing === 'function';
