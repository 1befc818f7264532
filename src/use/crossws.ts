import { EventEmitter } from 'node:events';
import type { ThreadDefinition } from '../api/definition.ts';
import type { Hub } from '../api/hub.ts';
import { Refusal } from '../api/refusal.ts';
import type { Session } from '../api/session.ts';
import type { ServerWebSocket } from '../api/socket.ts';
import { SUBPROTOCOL } from '../actors/connection/wire-protocol.ts';
import { closeCodes } from '../infra/wire/close-codes.ts';
import { Acceptor, type AcceptServeOptions } from './accept.ts';

/** What is used of a peer of crossws. */
export interface PeerLike {
  readonly request: { readonly url: string };
  readonly context: object;
  close(code?: number, reason?: string): void;
}

/** The hooks of crossws that are used. */
export interface CrosswsHooks {
  upgrade(request: Request): Promise<{ headers?: Record<string, string>; context: Record<string, unknown> } | Response>;
  open(peer: PeerLike): void;
}

/**
 * Hooks of crossws, as for `defineWebSocketHandler` of Nitro and h3, on Node: other runtimes have sockets that the hub cannot write its shared
 * frames to, so their peers are closed with 1013, and the hub has an `error` event (`TC_UNSUPPORTED_SOCKET`).
 *
 * ```ts
 * export default defineWebSocketHandler(serveHub(hub, { authenticate: ({ headers }) => sessionOf(headers.get('cookie')), authorize, onPublish }));
 * ```
 *
 * Clients do not join threads by their URL (`?thread=`).
 *
 * @throws InvalidOptionError (`TC_INVALID_OPTION`)
 */
export function serveHub<S extends Session = Session, Definition extends ThreadDefinition = never>(
  hub: Hub<Definition>,
  options: AcceptServeOptions<Request, S, Definition>,
): CrosswsHooks {
  const acceptor = new Acceptor<Request, S, Definition>(hub, options);
  /** Of each handshake, by the context that crossws gives to its peer. */
  const answers = new WeakMap<object, S | Refusal>();
  return {
    async upgrade(request) {
      const headers = Object.fromEntries(request.headers);
      const answer = await acceptor.ask(request, { url: pathAndQuery(request.url), headers });
      const isOurs = headers['sec-websocket-protocol']?.split(/\s*,\s*/).includes(SUBPROTOCOL) ?? false;
      // a browser cannot read the status: our client gets a close code
      if (answer instanceof Refusal && !isOurs) return new Response(answer.message, { status: answer.status });
      const key = {};
      answers.set(key, answer);
      return { ...(isOurs && { headers: { 'sec-websocket-protocol': SUBPROTOCOL } }), context: { threadcast: key } };
    },
    open(peer) {
      const key: unknown = Reflect.get(peer.context, 'threadcast');
      const answer = typeof key === 'object' && key !== null ? answers.get(key) : undefined;
      const socket = socketOf(peer);
      if (answer === undefined || socket === undefined) {
        acceptor.fail('crossws has no WebSocket of the ws package here: only its adapter for Node has');
        peer.close(closeCodes.overloaded.code, closeCodes.overloaded.reason);
      } else acceptor.open(socket, { url: pathAndQuery(peer.request.url), headers: {} }, answer);
    },
  };
}

function pathAndQuery(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** crossws does not publish the WebSocket itself: this is the only, guarded access to it. */
function socketOf(peer: PeerLike): ServerWebSocket | undefined {
  const internal: unknown = Reflect.get(peer, '_internal');
  const socket: unknown = typeof internal === 'object' && internal !== null ? Reflect.get(internal, 'ws') : undefined;
  return isWebSocket(socket) ? socket : undefined;
}

const isWebSocket = (socket: unknown): socket is ServerWebSocket =>
  socket instanceof EventEmitter && 'terminate' in socket && 'readyState' in socket;
