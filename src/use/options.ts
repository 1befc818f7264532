import type { AttachOptions } from '../api/attach.ts';
import type { ThreadDefinition } from '../api/definition.ts';
import type { MaybePromise } from '../api/message.ts';
import type { Refusal } from '../api/refusal.ts';
import type { Session } from '../api/session.ts';
import { InvalidOptionError } from '../infra/errors.ts';
import type { HttpHandlerOptions, HttpRequest } from '../http/index.ts';

/** What `authenticate` may answer. */
export type Answer<S extends Session = Session> = S | Refusal | false | null | undefined;

/** `authenticate` of a framework. */
export type Authenticate<Request, S extends Session> = (
  this: void,
  request: Request,
  context: { readonly signal: AbortSignal },
) => MaybePromise<Answer<S>>;

/**
 * Options of `hub.attach`, for one path of a framework's server. Everything but `authenticate` has a default.
 * @typeParam Request the framework's request
 */
export interface ServeOptions<
  Request,
  S extends Session = Session,
  Definition extends ThreadDefinition = never,
> extends Omit<AttachOptions<S, Definition>, 'authenticate' | 'clientAddress'> {
  /**
   * As `AttachOptions.authenticate`, with the framework's request: what its middleware has found out is there, such as a session. For
   * WebSockets and HTTP requests alike.
   */
  authenticate: Authenticate<Request, S>;
  /** As `AttachOptions.clientAddress`. @default the socket's address; none if it is a private one */
  clientAddress?: ((request: HttpRequest) => string | undefined) | false | undefined;
  /** Whether the path also has the HTTP door (`threadcast/http`): Server-Sent Events and POST. @default true, without a `protocol` */
  http?: boolean | undefined;
}

/**
 * Of all options, those of `hub.attach`, and those that the HTTP door shares with it, if there is one.
 * @throws InvalidOptionError (`TC_INVALID_OPTION`) without `authenticate`: a framework's guards must not be left out by chance
 */
export function split<S extends Session, Definition extends ThreadDefinition>(
  options: ServeOptions<never, S, Definition>,
): { readonly attach: AttachOptions<S, Definition>; readonly door: HttpHandlerOptions<S, Definition> | undefined } {
  const { authenticate, http = options.protocol === undefined, ...attach } = options;
  if (typeof authenticate !== 'function') {
    throw new InvalidOptionError({ option: 'authenticate', value: authenticate, expected: 'a function' });
  }
  const { onValue: _1, maxPendingHandshakes: _2, maxPayload: _3, maxFragments: _4, ...shared } = attach;
  const { format: _5, compress: _6, allowPlain: _7, protocol: _8, ...door } = shared;
  return { attach, door: http ? door : undefined };
}
