/** The small vocabulary of JSON text that the walker writes itself, exactly as `JSON.stringify` would. */

// oxlint-disable-next-line no-control-regex -- JSON escapes control characters
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A string as JSON. For short plain strings two concatenations are cheaper than a native call. */
export function quote(text: string): string {
  return text.length < 64 && !needsEscape.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** A number as JSON: NaN and the infinities are `null`. */
export function numberText(value: number): string {
  // Infinity - Infinity and NaN - NaN are NaN: one subtraction tells all three from the rest.
  return value - value === 0 ? `${value}` : 'null';
}

/** True when cutting `text` before `index` would part two surrogates that belong together. */
export function splitsPair(text: string, index: number): boolean {
  if (index <= 0 || index >= text.length) return false;
  const before = text.charCodeAt(index - 1);
  if (before < 0xd800 || before > 0xdbff) return false;
  const after = text.charCodeAt(index);
  return after >= 0xdc00 && after <= 0xdfff;
}

const identifier = /^[A-Za-z_$][\w$]*$/;

/** What a property adds to an error's path: `.name`, or `["odd name"]`; endless keys are shortened. */
export function memberPath(key: string): string {
  if (key.length > 80) return `[${JSON.stringify(`${key.slice(0, 77)}...`)}]`;
  return identifier.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
