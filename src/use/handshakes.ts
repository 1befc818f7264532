import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Refusal } from '../api/refusal.ts';
import type { Session } from '../api/session.ts';
import { UnsupportedServerError } from '../infra/errors.ts';
import { refuse } from '../infra/socket/refuse.ts';
import type { Answer } from './options.ts';

/** What `authenticate` is given besides the request. */
export interface Context {
  readonly signal: AbortSignal;
}

interface Asked<S extends Session> extends Context {
  readonly settle: (answer: PromiseLike<Answer<S>>) => void;
}

/**
 * Sends upgrade requests through a framework, so that its middleware sees them: cookies, sessions, guards. The adapter's own handler, which
 * comes last, answers by `take`. Where another handler answers before, its status decides.
 */
export class Handshakes<S extends Session> {
  readonly #asked = new WeakMap<object, Asked<S>>();

  /**
   * @param request as the framework has it
   * @param run gives it to the framework, and resolves with the status that it answers with
   * @throws what a handler throws; UnsupportedServerError where no handler takes the request
   */
  async ask(request: object, { signal }: Context, run: () => PromiseLike<number>): Promise<Answer<S>> {
    try {
      return await new Promise<Answer<S>>((resolve, reject) => {
        this.#asked.set(request, { settle: resolve, signal });
        // the client has gone, or the time is up
        signal.addEventListener('abort', () => resolve(null), { once: true });
        run()
          .then((status) => resolve(answerOf(status)))
          .then(undefined, reject);
      });
    } finally {
      this.#asked.delete(request);
    }
  }

  /**
   * For the adapter's handler: whether the request is one that `ask` has given to the framework. If so, `authenticate` answers, also by what it
   * throws.
   */
  take(request: object, authenticate: (context: Context) => PromiseLike<Answer<S>> | Answer<S>): boolean {
    const asked = this.#asked.get(request);
    asked?.settle(Promise.resolve(asked).then(authenticate));
    return asked !== undefined;
  }
}

/** The status that a framework over `node:http` answers with. Nothing of the answer reaches the socket. */
export function statusOf(request: IncomingMessage, run: (response: ServerResponse) => unknown): Promise<number> {
  const response: ServerResponse = new ServerResponse(request);
  return new Promise<number>((resolve, reject) => {
    const end = (): ServerResponse => {
      resolve(response.statusCode);
      // middleware that waits for the end of the answer lets go
      response.emit('close');
      return response;
    };
    // without a socket it would hold what is written. Middleware wraps these members
    const write = (): boolean => true;
    for (const [name, value] of Object.entries({ write, end })) {
      Object.defineProperty(response, name, { value, writable: true, configurable: true });
    }
    Promise.resolve(response).then(run).catch(reject);
  });
}

/** What a framework's status says about a handshake. A redirect, as to a page to sign in, is a 401. */
function answerOf(status: number): Refusal {
  if (status === 401 || status === 429 || status === 503) return refuse(status);
  if (status === 404) {
    throw new UnsupportedServerError({
      reason: 'no handler of the framework takes its handshakes: mount the handler of threadcast/use',
    });
  }
  if (status >= 500) return refuse(503);
  return refuse(status >= 300 && status < 400 ? 401 : 403);
}
