import { isUtf8 } from 'node:buffer';
import { BYTES_MARK } from '../../wire/bytes-body.ts';
import { isId } from '../ids.ts';
import type { Arrival } from './arrival.ts';

/** A larger body is not parsed, which would hold the event loop: only its ends are looked at. */
const PARSED_BYTES = 64 * 1024;

/** Version 00 of Trace Context, and those that only add to it. */
const TRACEPARENT = /^[\w-]{1,128}$/;

/**
 * What of an entry could not be put into a frame: something else than this library has written it. Undefined for an entry that is well, or
 * that no client gets.
 */
export function faultOf({ at, id, header, body = [] }: Arrival): string | undefined {
  const { kind, target, traceparent } = header;
  if (kind === undefined || kind === 'notice') return undefined;
  if (!Number.isFinite(at)) return 'its time is no number';
  if (!isId(id)) return 'its id is none';
  if (target === undefined ? kind !== 'message' : !isId(target)) return 'the message that it is about has no id';
  if (traceparent !== undefined && !TRACEPARENT.test(traceparent)) return 'its traceparent is none';
  return kind === 'remove' || isMessage(body) ? undefined : 'its message is no JSON';
}

function isMessage([first, ...others]: readonly Buffer[]): boolean {
  if (first === undefined || first.length === 0) return false;
  if (first[0] === BYTES_MARK) return true;
  if (others.length > 0 || first.length > PARSED_BYTES) return isLikeJson(first, others.at(-1) ?? first);
  // a text that is no UTF-8 ends the connection of each client that gets it
  return isUtf8(first) && isJson(first.toString());
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const ENDS: Readonly<Record<string, string>> = { '{': '}', '[': ']', '"': '"' };

/** A text, an array or an object: nothing else is that long. `preencoded` bytes may have white space around it. */
function isLikeJson(first: Buffer, last: Buffer): boolean {
  const begin = first.find(isNoSpace);
  const end = last.findLast(isNoSpace);
  // a piece of white space alone says nothing
  if (begin === undefined || end === undefined) return true;
  return ENDS[String.fromCodePoint(begin)] === String.fromCodePoint(end);
}

/** RFC 8259, section 2. */
const isNoSpace = (byte: number): boolean => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09;
