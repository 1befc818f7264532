import type { WebSocketConstructor } from './socket.ts';

/** The part of `EventTarget` that is used. */
interface Listenable {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** Globals of a browser, a worker or Node: each may be missing. */
interface Environment extends Listenable {
  readonly WebSocket?: WebSocketConstructor;
  /** Node's has no `onLine`. */
  readonly navigator?: { readonly onLine?: boolean; readonly userAgent?: string };
  readonly document?: Listenable & { readonly visibilityState?: string };
  readonly reportError?: (error: unknown) => void;
  /** React Native has none. */
  readonly crypto?: { getRandomValues?(array: Uint32Array<ArrayBuffer>): Uint32Array };
  readonly console?: { error?(error: unknown): void };
  readonly process?: { emitWarning?(warning: string | Error): void };
}

/** Read when needed: a polyfill may come late. */
export const environment: Environment = globalThis;

/** False also if the environment does not say. */
export function isOffline(): boolean {
  return environment.navigator?.onLine === false;
}

/**
 * Reports when the network is gone or back, and when the page is visible, shown or resumed again, if the environment has such events. Returns the
 * function that ends it.
 */
export function watchEnvironment(onOffline: () => void, onOnline: () => void, onVisible: () => void): () => void {
  const page = environment.document;
  const onVisibility = (): void => {
    if (page?.visibilityState === 'visible') onVisible();
  };
  const each = (method: 'addEventListener' | 'removeEventListener'): void => {
    environment[method]?.('offline', onOffline);
    environment[method]?.('online', onOnline);
    // back from the back/forward cache, and from the freezer
    environment[method]?.('pageshow', onVisible);
    page?.[method]?.('resume', onVisible);
    page?.[method]?.('visibilitychange', onVisibility);
  };
  each('addEventListener');
  return () => each('removeEventListener');
}

/** An error without a listener: `reportError` in browsers, a process warning in Node, the console elsewhere. Never thrown. */
export function reportGlobally(error: unknown): void {
  const { reportError, process, console } = environment;
  if (reportError) reportError(error);
  else if (process?.emitWarning) process.emitWarning(error instanceof Error ? error : String(error));
  else console?.error?.(error);
}
