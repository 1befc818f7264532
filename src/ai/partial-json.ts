/**
 * The value of a JSON text that has not ended, as far as it goes: open texts, arrays and objects are closed, and what cannot be completed is
 * left out. Undefined if nothing can be made of it.
 */
export function parsePartialJson(text: string): unknown {
  return parsed(text) ?? parsed(completed(text));
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** The longest beginning that closing brackets complete, with these. */
function completed(text: string): string {
  const closers: string[] = [];
  let isInText = false;
  let isEscaped = false;
  /** The last place where closing what is open gives JSON. */
  let best = '';
  const note = (end: number, quote = ''): void => {
    best = text.slice(0, end) + quote + closers.toReversed().join('');
  };
  /** In an object: whether a key comes, or has come without its value. */
  let isKey = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (isInText) {
      if (isEscaped) isEscaped = false;
      else if (char === '\\') isEscaped = true;
      else if (char === '"') isInText = false;
      if (!isInText && !isKey) note(i + 1);
    } else if (char === '"') isInText = true;
    else if (char === '{' || char === '[') {
      closers.push(char === '{' ? '}' : ']');
      isKey = char === '{';
      note(i + 1);
    } else if (char === '}' || char === ']') {
      closers.pop();
      isKey = false;
      note(i + 1);
    } else if (char === ',') isKey = closers.at(-1) === '}';
    else if (char === ':') isKey = false;
    else if (!isKey && /[\d\w.+-]/.test(char)) {
      const end = i + 1;
      const word = /[\w.+-]+$/.exec(text.slice(Math.max(0, end - 32), end))?.[0] ?? '';
      if (parsed(word) !== undefined) note(end);
      else completeWord(word, end);
    }
  }
  if (isInText && !isKey) {
    const end = text.length - (isEscaped ? 1 : 0);
    note(end.valueOf() - (/\\u[\da-fA-F]{0,3}$/.exec(text.slice(0, end))?.[0].length ?? 0), '"');
  }
  return best;

  /** `tr` is going to be `true`. */
  function completeWord(word: string, end: number): void {
    const whole = ['true', 'false', 'null'].find((name) => name.startsWith(word));
    if (whole !== undefined) best = text.slice(0, end - word.length) + whole + closers.toReversed().join('');
  }
}
