import type { IncomingMessage } from 'node:http';
import type { RefusedHandshake, RefusedReason } from '../../api/events.ts';
import { pathOf } from '../../infra/socket/request-target.ts';
import { warnDeveloper } from '../support/development-warning.ts';

/** Maximum development warnings of one gateway: what a client makes up anew each time must not fill the log. */
const MAX_WARNINGS = 20;

/** Logs which client was refused and why. Only the server can: a page does not see the status and silently reconnects. */
export class RefusalLog {
  readonly #path: string;
  readonly #isDevelopment: boolean;
  readonly #announce: (news: RefusedHandshake) => void;
  readonly #warned = new Set<string>();

  /** @param path the gateway's path */
  constructor(path: string, isDevelopment: boolean, announce: (news: RefusedHandshake) => void) {
    this.#path = path;
    this.#isDevelopment = isDevelopment;
    this.#announce = announce;
  }

  note(reason: RefusedReason, status: number, request: IncomingMessage, userId?: string): void {
    const { origin, host } = request.headers;
    const address = request.socket.remoteAddress;
    const refused = { reason, status, origin, host, path: pathOf(request), address, userId };
    if (this.#isDevelopment) this.#warn(refused);
    this.#announce(refused);
  }

  #warn(refused: RefusedHandshake): void {
    const [code, text] = this.#warningOf(refused) ?? [];
    if (code === undefined || text === undefined || this.#warned.has(text) || this.#warned.size >= MAX_WARNINGS) return;
    this.#warned.add(text);
    warnDeveloper(code, text);
  }

  #warningOf({ reason, origin, host, path }: RefusedHandshake): readonly [`TC_${string}`, string] | undefined {
    if (reason === 'origin') {
      return [
        'TC_ORIGIN_REFUSED',
        `a page of ${origin ?? 'no origin'} was refused with a 403 by ${host ?? 'no host'}${this.#path}: list it, ` +
          `attach(server, { allowedOrigins: ['${origin ?? ''}'] }); where it is a page of your own behind a proxy, let the proxy ` +
          'pass the Host with its port on (nginx: proxy_set_header Host $http_host)',
      ];
    }
    if (reason === 'path') {
      return [
        'TC_PATH_REFUSED',
        `a handshake for ${path} was refused with a 404: the hub is attached to ${this.#path}, exactly; ` +
          'attach it to that path, or let the proxy strip its prefix',
      ];
    }
    return undefined;
  }
}
