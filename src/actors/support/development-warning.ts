/** Warns developers of a certain mistake, once, on the standard error output, with a code to look up. */
export function warnDeveloper(code: `TC_${string}`, message: string): void {
  process.emitWarning(message, { type: 'ThreadcastWarning', code });
}
