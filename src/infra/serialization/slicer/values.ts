import { types } from 'node:util';

/** What the serializer needs to know about a JavaScript value, asked as `JSON.stringify` asks it. */

const dateToJSON: unknown = Reflect.get(Date.prototype, 'toJSON');
const dateToISOString: unknown = Reflect.get(Date.prototype, 'toISOString');
const bufferToJSON: unknown = Reflect.get(Buffer.prototype, 'toJSON');

/** Any object, seen through its string keys. */
export interface Members {
  readonly [key: string]: unknown;
}

/** The values whose `toJSON` JSON.stringify looks up. */
export type Resolvable = object | bigint;

export function isResolvable(value: unknown): value is Resolvable {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' || typeof value === 'bigint';
}

/** Values that JSON leaves out of objects, and writes as `null` in arrays. */
export function isLeftOut(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol';
}

/** True for every object that is no array: it may be read by any string key. */
export function isMembers(value: object): value is Members {
  return !Array.isArray(value);
}

/** Reads `toJSON` once. It may be inherited, and may be anything: even a getter that throws. */
export function toJSONOf(value: object): unknown {
  return mayHaveToJSON(value) ? value.toJSON : undefined;
}

/** Every object may; TypeScript wants to be told. */
function mayHaveToJSON(value: object): value is { readonly toJSON?: unknown } {
  return value !== null;
}

/** What `toJSONOf` is for objects: nothing, unless somebody has patched BigInt.prototype. */
export function toJSONOfBigInt(value: bigint): unknown {
  return Reflect.get(BigInt.prototype, 'toJSON', value);
}

/** A Date whose `toJSON` runs no user code. */
export function isPlainDate(value: object, toJSON: unknown): boolean {
  return toJSON === dateToJSON && types.isDate(value) && value.toISOString === dateToISOString;
}

/** A Buffer that its own `toJSON` would turn into `{"type":"Buffer","data":[...]}`, and nothing else would happen. */
export function isPlainBuffer(value: object, toJSON: unknown): value is Buffer {
  return (
    toJSON === bufferToJSON &&
    Object.getPrototypeOf(value) === Buffer.prototype &&
    types.isUint8Array(value) &&
    !Object.hasOwn(value, 'length') &&
    // Someone who patched toJSON onto the built-in prototypes expects it to be called on the object in between.
    toJSONOf([]) === undefined &&
    toJSONOf({}) === undefined
  );
}

interface RawJSON {
  readonly rawJSON: string;
}

const isRawJSONNative: unknown = Reflect.get(JSON, 'isRawJSON');

/** A `JSON.rawJSON(text)` object: its text stands for itself in the output. */
export function isRawJSON(value: object): value is RawJSON {
  return typeof isRawJSONNative === 'function' && isRawJSONNative(value) === true;
}

/**
 * What an object is of which JSON keeps nothing, or indices for keys, without a sign; undefined for all others. To be asked after its
 * `toJSON`, which may give it a form.
 */
export function lossyKind(value: object): string | undefined {
  if (ArrayBuffer.isView(value)) return nameOf(value);
  const known = LOSSY.find(([, isIt]) => isIt(value))?.[0];
  if (known !== undefined) return known;
  // iterators, generators, promises, weak collections, and what a platform has: a name of its own, and nothing that JSON reads
  return Symbol.toStringTag in value && Object.keys(value).length === 0 ? nameOf(value) : undefined;
}

const nameOf = (value: object): string => Object.prototype.toString.call(value).slice('[object '.length, -1);

/** They have no name of the kind, or may have keys besides what they hold. */
const LOSSY: readonly (readonly [string, (value: unknown) => boolean])[] = [
  ['Map', types.isMap],
  ['Set', types.isSet],
  ['Promise', types.isPromise],
  ['RegExp', types.isRegExp],
  ['Error', types.isNativeError],
];
