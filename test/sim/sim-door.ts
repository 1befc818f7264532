import { httpHandler, type HttpHandler, type HttpSession } from '../../src/http/index.ts';
import type { ClientRules } from './client-rules.ts';
import type { Hub } from '../../src/index.ts';
import type { EventLine } from './event-line.ts';

/** The HTTP door of a node, for one life of its process. */
export class SimDoor {
  readonly #handler: HttpHandler;
  readonly #process: { run(callback: () => void): void };
  readonly #lines = new WeakMap<Request, { readonly line: EventLine; readonly userId: string }>();

  constructor(hub: Hub, process: { run(callback: () => void): void }, rules: ClientRules) {
    this.#process = process;
    this.#handler = httpHandler(hub, {
      authenticate: ({ source }): HttpSession | null => {
        const known = source && this.#lines.get(source);
        return known === undefined ? null : { ...rules.session(known.userId), data: known.line };
      },
      authorize: ({ userId = '' }, threadId) => rules.authorize(userId, threadId),
      reauthenticate: ({ userId = '', data }) => {
        const session = rules.reauthenticate(userId);
        return 'expiresAt' in session ? { ...session, data } : session;
      },
      onPublish: (_session, message) => rules.onPublish(hub, message),
      onValue: () => true,
    });
  }

  open(line: EventLine, url: string, userId: string): void {
    line.reach(this.#process);
    this.#process.run(() => {
      const request = new Request(url, { signal: line.gone.signal });
      this.#lines.set(request, { line, userId });
      void this.#handler.fetch(request).then((response) => line.answer(response));
    });
  }

  /** @param cutAt where the body ends without an end */
  post(url: string, body: string, cutAt: number | undefined, answer: (status: number) => void): void {
    this.#process.run(() => {
      const request =
        cutAt === undefined
          ? new Request(url, { method: 'POST', body })
          : new Request(url, { method: 'POST', body: cutBody(body.slice(0, cutAt)), duplex: 'half' });
      void this.#handler.fetch(request).then(({ status }) => answer(status));
    });
  }
}

function cutBody(text: string): ReadableStream<Uint8Array> {
  let isBegun = false;
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (isBegun || text === '') controller.error(new TypeError('terminated'));
      else controller.enqueue(Buffer.from(text));
      isBegun = true;
    },
  });
}
