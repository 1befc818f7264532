/** An error as plain data. A structured clone would drop `code` and fail on an error that holds, say, a socket. */
export interface CarriedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: CarriedError;
}

/** Causes beyond this depth are dropped; also what ends a chain that is a cycle. */
const MAX_CAUSES = 4;

/** Packs anything that was thrown, an Error or not. Never throws, whatever the value's getters do. */
export function packError(thrown: unknown, depth = 0): CarriedError {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: text(thrown) };
    const code: unknown = 'code' in thrown ? thrown.code : undefined;
    return {
      name: text(thrown.name),
      message: text(thrown.message),
      ...(typeof thrown.stack === 'string' && { stack: thrown.stack }),
      ...(typeof code === 'string' && { code }),
      ...(thrown.cause !== undefined && depth < MAX_CAUSES && { cause: packError(thrown.cause, depth + 1) }),
    };
  } catch {
    return { name: 'Error', message: 'a thrown value that cannot be read' };
  }
}

/** Errors are what their makers assign: a `message` can be an object, even one that cannot be cloned. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : String(value);
}

/** The other end: an Error with the worker's name, stack, code and causes. */
export function unpackError(carried: CarriedError): Error {
  const error = new Error(
    carried.message,
    carried.cause === undefined ? undefined : { cause: unpackError(carried.cause) },
  );
  error.name = carried.name;
  if (carried.stack !== undefined) error.stack = carried.stack;
  return carried.code === undefined ? error : Object.assign(error, { code: carried.code });
}
