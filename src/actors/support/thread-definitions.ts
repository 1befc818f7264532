import type { Codec, ThreadDefinition } from '../../api/definition.ts';
import { InvalidOptionError } from '../../infra/errors.ts';

/** The definitions of a hub's threads, by the part of their patterns before the `*`. */
export class ThreadDefinitions {
  readonly #byPrefix = new Map<string, ThreadDefinition>();
  /** Those that there are, the longest first. */
  readonly #lengths: readonly number[];

  /** @throws InvalidOptionError (`TC_INVALID_OPTION`) */
  constructor(definitions: readonly ThreadDefinition[]) {
    for (const [i, definition] of definitions.entries()) {
      const prefix = prefixOf(`threads[${i}]`, definition);
      if (this.#byPrefix.has(prefix)) {
        throw new InvalidOptionError({
          option: `threads[${i}]`,
          value: definition.pattern,
          expected: 'a pattern that no other definition has',
        });
      }
      this.#byPrefix.set(prefix, definition);
    }
    this.#lengths = [...new Set([...this.#byPrefix.keys()].map(({ length }) => length))].toSorted((a, b) => b - a);
  }

  /** The codecs of all of them. */
  get codecs(): readonly Codec[] {
    return [...this.#byPrefix.values()].flatMap(({ parts }) => Object.values(parts?.streams ?? {}));
  }

  /** That of the thread with this id: the one with the longest pattern. */
  of(threadId: string): ThreadDefinition | undefined {
    for (const length of this.#lengths) {
      const definition = length < threadId.length ? this.#byPrefix.get(threadId.slice(0, length)) : undefined;
      if (definition !== undefined) return definition;
    }
    return undefined;
  }
}

/** Another copy of this package may have made it. */
function prefixOf(option: string, definition: unknown): string {
  const pattern: unknown = typeof definition === 'function' ? Reflect.get(definition, 'pattern') : undefined;
  if (typeof pattern === 'string') return pattern.slice(0, -1);
  throw new InvalidOptionError({ option, value: definition, expected: 'what defineThread of threadcast/define gives' });
}
