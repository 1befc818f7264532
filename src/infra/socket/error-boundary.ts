import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { asError } from '../errors.ts';

/** The owner of a socket. It is notified of what the code of `ws` or a listener of the socket threw, and ends the connection. */
export interface BoundaryOwner {
  readonly failed: (error: unknown) => void;
}

/**
 * The property in which a socket and its `ws` objects keep their owner. So all sockets share their guards, which cost nothing for each
 * socket. Another copy of this library sees it as well.
 */
const OWNER = Symbol.for('link of threadcast');

/** The same for objects that serve a receiver. */
const RECEIVER = Symbol('receiver of a socket');

/**
 * Contains errors that one client can make `ws` throw within its connection: every way from the event loop into its code is guarded. Those
 * are the events of the socket, of the WebSocket and of its receiver; the receiver's loop, which a timer may resume; and the zlib
 * callbacks, which `ws` schedules over all connections. Parts that another version of `ws` does not have are left alone.
 */
export function setErrorBoundary(webSocket: EventEmitter, socket: Socket, owner: BoundaryOwner): void {
  const receiver: unknown = Reflect.get(webSocket, '_receiver');
  const deflate = memberOf(Reflect.get(webSocket, '_extensions'), 'permessage-deflate');
  calls.set(webSocket, 'emit', owner);
  calls.set(socket, 'emit', owner);
  calls.set(receiver, 'emit', owner);
  writes.set(receiver, '_write', owner);
  loops.set(receiver, 'startLoop', owner);
  if (typeof deflate !== 'object' || deflate === null) return;
  callbacks.set(deflate, 'decompress', owner);
  // the end of one connection's work begins another one's
  callbacks.set(deflate, '_decompress', owner);
  Object.assign(deflate, { [RECEIVER]: receiver });
}

/** Whether this socket, or WebSocket, has a boundary already. */
export function hasErrorBoundary(carrier: object): boolean {
  return OWNER in carrier;
}

export function ownerOf(carrier: object): unknown {
  return Reflect.get(carrier, OWNER);
}

type Guarded = (this: object, ...args: unknown[]) => unknown;

/** Guards of one kind, by the guarded function: a method of `ws` is the same function for all connections, and so is its guard. */
class Guards {
  readonly #make: (original: CallableFunction) => Guarded;
  readonly #known = new WeakMap<CallableFunction, Guarded>();

  constructor(make: (original: CallableFunction) => Guarded) {
    this.#make = make;
  }

  set(target: unknown, method: string, owner: BoundaryOwner): void {
    if (!isRecord(target)) return;
    const original = target[method];
    if (typeof original !== 'function') return;
    let guarded = this.#known.get(original);
    if (guarded === undefined) this.#known.set(original, (guarded = this.#make(original)));
    target[method] = guarded;
    target[OWNER] = owner;
  }
}

const calls = new Guards(guardedCall);
const writes = new Guards(guardedWrite);
const loops = new Guards(guardedLoop);
const callbacks = new Guards(guardedCallback);

function guardedCall(original: CallableFunction): Guarded {
  return function call(...args) {
    try {
      return Reflect.apply(original, this, args);
    } catch (error) {
      fail(this, error);
      return true;
    }
  };
}

/**
 * Node hands a stream its queued writes even if the write before has just failed (`clearBuffer` in `lib/internal/streams/writable.js`).
 * `ws` 8.22.2 and 8.23.0 take them for the rest of a frame, and throw; see `docs/upstream/ws-receiver-crash.md`.
 */
function guardedWrite(original: CallableFunction): Guarded {
  const write = guardedLoop(original);
  return function call(chunk, encoding, done) {
    const isOver = this instanceof Writable && this.errored !== null;
    if (isOver && typeof done === 'function') return Reflect.apply(done, undefined, []);
    return Reflect.apply(write, this, [chunk, encoding, done]);
  };
}

function guardedLoop(original: CallableFunction): Guarded {
  return function call(...args) {
    try {
      return Reflect.apply(original, this, args);
    } catch (error) {
      endInput(this, error);
      return fail(this, error);
    }
  };
}

/** Guards a function whose last argument is a callback that the event loop calls. */
function guardedCallback(original: CallableFunction): Guarded {
  return function call(...args) {
    const callback = args.at(-1);
    const failed = (error: unknown): void => {
      endInput(Reflect.get(this, RECEIVER), error);
      fail(this, error);
    };
    const guarded = (...results: unknown[]): void => {
      try {
        if (typeof callback === 'function') Reflect.apply(callback, undefined, results);
      } catch (error) {
        failed(error);
      }
    };
    try {
      return Reflect.apply(original, this, [...args.slice(0, -1), guarded]);
    } catch (error) {
      return failed(error);
    }
  };
}

/** It has left a write unanswered, and would wait for that before it reports its end. */
function endInput(receiver: unknown, error: unknown): void {
  if (receiver instanceof Writable) receiver.destroy(asError(error));
}

function fail(carrier: object, error: unknown): void {
  const owner = ownerOf(carrier);
  const failed = memberOf(owner, 'failed');
  if (typeof failed === 'function') Reflect.apply(failed, owner, [error]);
}

function isRecord(value: unknown): value is Record<string | symbol, unknown> {
  return typeof value === 'object' && value !== null;
}

function memberOf(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null ? Reflect.get(holder, name) : undefined;
}
