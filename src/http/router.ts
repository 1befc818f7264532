import { assertThreadId } from '../infra/log/ids.ts';
import { assertValueKey } from '../actors/values/resolve-values-options.ts';
import { pathOf } from '../infra/socket/request-target.ts';
import { Problem, problemOf } from './problem.ts';

/** What a path below the handler's asks for. */
export type Route =
  | { readonly to: (typeof OF_THREAD)[number]; readonly segment: string }
  | { readonly to: 'value'; readonly segment: string; readonly key: string }
  | { readonly to: 'all-events' | 'acks' | 'link' };

const METHODS: Readonly<Record<Route['to'], readonly string[]>> = {
  events: ['GET'],
  messages: ['GET', 'POST'],
  poll: ['GET'],
  stream: ['GET', 'HEAD'],
  values: ['GET'],
  value: ['PUT', 'POST', 'DELETE'],
  'all-events': ['GET'],
  acks: ['POST'],
  link: ['GET', 'POST'],
};

const OF_THREAD = ['events', 'messages', 'poll', 'stream', 'values'] as const;

const isOfThread = (word: string | undefined): word is (typeof OF_THREAD)[number] =>
  OF_THREAD.some((known) => known === word);

/** Undefined for a path that is not the handler's. @param base without a slash at its end */
export function routeOf(url: string, base: string): Route | undefined {
  const path = pathOf({ url });
  if (!path.startsWith(`${base}/`)) return undefined;
  const [first = '', second, key, ...more] = path.slice(base.length + 1).split('/');
  if (more.length > 0 || first === '') return undefined;
  if (key !== undefined) return second === 'values' && key !== '' ? { to: 'value', segment: first, key } : undefined;
  if (isOfThread(second)) return { to: second, segment: first };
  if (second !== undefined) return undefined;
  if (first === 'events') return { to: 'all-events' };
  return first === 'acks' || first === 'link' ? { to: first } : undefined;
}

/** @throws Problem */
export function assertMethod({ to }: Route, method: string): void {
  const methods = METHODS[to];
  if (!methods.includes(method))
    throw new Problem(405, 'method', '', { headers: { allow: [...methods, 'OPTIONS'].join(', ') } });
}

/** The thread in a segment of the path. @throws Problem, InvalidThreadIdError */
export function threadIn(segment: string): string {
  const threadId = decoded(segment);
  if (threadId === undefined)
    throw problemOf('TC_INVALID_THREAD_ID', 'the thread id in the path is not percent-encoded UTF-8');
  assertThreadId(threadId);
  return threadId;
}

/** The key of a value in a segment of the path. @throws Problem, InvalidOptionError */
export function keyIn(segment: string): string {
  const key = decoded(segment);
  assertValueKey(key);
  return key;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** A whole number in the query. @throws Problem */
export function numberIn(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Infinity;
  if (value <= most) return value;
  throw new Problem(400, 'TC_INVALID_OPTION', `${name} is a whole number from 0 to ${most}`);
}

/** A text in the query; an empty one is none. */
export const textIn = (query: URLSearchParams, name: string): string | undefined => query.get(name) || undefined;
