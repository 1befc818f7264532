// not every React Native knows property escapes
// oxlint-disable-next-line no-control-regex
const THREAD_ID = /^(?!~)[^\0-\x1f\x7f-\x9f\ud800-\udfff]{1,256}$/u;

/** As docs/PROTOCOL.md has it. */
const MAX_BYTES = 256;

/** Whether it is a thread id that applications and clients may name. */
export function isThreadId(id: unknown): id is string {
  return typeof id === 'string' && THREAD_ID.test(id) && utf8Length(id) <= MAX_BYTES;
}

/** Browsers, Node and React Native have no other way in common: each byte beyond ASCII is `%` and two digits. */
function utf8Length(text: string): number {
  return encodeURIComponent(text).replace(/%../g, '-').length;
}
