import type { MaybePromise } from '../../api/message.ts';

/** Goes on with a value at once, or when it is there: where nothing has to be waited for, no promise is made. */
export function onceKnown<T, Result>(
  value: MaybePromise<T>,
  goOn: (value: T) => MaybePromise<Result>,
): MaybePromise<Result> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}
