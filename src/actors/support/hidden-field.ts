/** A field of objects of others, for one module. */
export interface HiddenField<Value> {
  /** Once for each object. */
  set(object: object, value: Value): void;
  /** Undefined where it was not set. */
  of(object: object): Value | undefined;
}

/** A class whose instance is the object that it is given: a subclass adds a private field to it. */
// oxlint-disable-next-line no-extraneous-class -- a private field needs a class to extend
class Itself {
  constructor(object: object) {
    return object;
  }
}

/**
 * A `WeakMap` for values that refer to their keys. V8 frees what such a map holds only with a collection of the old generation: until then,
 * it would copy each closed hub twice.
 */
export function hiddenField<Value>(): HiddenField<Value> {
  class Field extends Itself {
    readonly #value: Value;

    constructor(object: object, value: Value) {
      super(object);
      this.#value = value;
    }

    static of(object: object): Value | undefined {
      return #value in object ? object.#value : undefined;
    }
  }
  return { set: (object, value) => void new Field(object, value), of: (object) => Field.of(object) };
}
