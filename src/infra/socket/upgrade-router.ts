import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { InvalidOptionError, UnsupportedServerError } from '../errors.ts';
import type { UpgradeServer } from '../../api/attach.ts';
import { Refusal } from '../../api/refusal.ts';
import { Handshake } from './handshake.ts';
import { pathOf } from './request-target.ts';

/** Handles the upgrade requests of one path. */
export interface Route {
  /** A route that is not open may be replaced: it only refuses. */
  readonly isOpen: boolean;
  take(handshake: Handshake): void;
  /** A request to the same server for a path without a route: it was answered with a 404. */
  missed(request: IncomingMessage, refusal: Refusal): void;
}

/** One listener for each server, so that several routes know of each other. */
const routers = new WeakMap<UpgradeServer, Router>();

/**
 * Sends the upgrade requests of a path to the route. Requests for other paths are left alone if the server has other `upgrade` listeners.
 * If it has none, they get a 404, because no listener would ever answer them.
 *
 * @returns the function that removes the route
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) if the server is not usable, or the path already has an open route;
 * UnsupportedServerError (`TC_UNSUPPORTED_SERVER`) for a server without upgrades
 */
export function routeUpgrades(server: UpgradeServer, path: string, route: Route): () => void {
  assertServer(server);
  const router = routers.get(server) ?? new Router(server);
  return router.add(path, route);
}

/**
 * The members of a server that are used, and that distinguish it from a framework's application. Other runtimes have server classes of
 * their own.
 */
const METHODS = ['on', 'off', 'prependListener', 'listenerCount', 'address', 'close'];

function assertServer(server: unknown): void {
  const isServer = typeof server === 'object' && server !== null && METHODS.every((name) => isMethod(server, name));
  if (!isServer) {
    throw new InvalidOptionError({
      option: 'server',
      value: server,
      expected: 'a server of node:http or node:https; of a framework, the one that it listens with',
    });
  }
  // only with `allowHTTP1` does an HTTP/2 server have the limits of HTTP/1, and upgrades
  if (isMethod(server, 'updateSettings') && !('headersTimeout' in server)) {
    throw new UnsupportedServerError({
      reason: 'HTTP/2 has no upgrades: make it with http2.createSecureServer({ allowHTTP1: true })',
    });
  }
}

function isMethod(server: object, name: string): boolean {
  return typeof Reflect.get(server, name) === 'function';
}

class Router {
  readonly #server: UpgradeServer;
  readonly #routes = new Map<string, Route>();

  constructor(server: UpgradeServer) {
    this.#server = server;
    routers.set(server, this);
  }

  add(path: string, route: Route): () => void {
    if (this.#routes.get(path)?.isOpen === true) {
      throw new InvalidOptionError({ option: 'path', value: path, expected: 'a path that is not attached yet' });
    }
    // before the other listeners: their writes to a socket can be seen only if it was looked at before
    if (this.#routes.size === 0) this.#server.prependListener('upgrade', this.#onUpgrade);
    this.#routes.set(path, route);
    return () => {
      if (this.#routes.get(path) !== route) return;
      this.#routes.delete(path);
      if (this.#routes.size === 0) this.#server.off('upgrade', this.#onUpgrade);
    };
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const route = this.#routes.get(pathOf(request));
    if (route !== undefined) route.take(new Handshake(request, socket, head));
    else if (this.#server.listenerCount('upgrade') === 1) this.#miss(request, socket, head);
  };

  #miss(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = new Refusal(404, 'no hub is attached to this path');
    const handshake = new Handshake(request, socket, head);
    if (handshake.isPipelined) handshake.drop();
    else handshake.refuse(refusal);
    for (const route of this.#routes.values()) route.missed(request, refusal);
  }
}
