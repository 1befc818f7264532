/** An object from elsewhere: a frame, an event, a message. */
export type Fields = Readonly<Record<string, unknown>>;

/** None that a frame has if it is no object. */
export function fieldsOf(value: unknown): Fields {
  return Object(value);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && !!value;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export function textOf(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

/** Only what is above 0, and finite. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value < Infinity ? value : undefined;
}
