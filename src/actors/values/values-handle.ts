import type { SetValueOptions, ThreadValues, ValueOf } from '../../api/values.ts';
import { ConnectionClosedError, InvalidMessageError, InvalidOptionError } from '../../infra/errors.ts';
import { checkOptions, type OptionTable } from '../../infra/option-table.ts';
import { checkValue } from './check-value.ts';
import { assertValueKey, checkTtl } from './resolve-values-options.ts';
import { deleteValue, setValue, valuesOf, type ValueServices } from './value-changes.ts';

const SET_OPTIONS: OptionTable<SetValueOptions> = { ttlMs: 'number', connection: 'any' };

/** The application's handle of a thread's values. */
export class ValuesHandle implements ThreadValues {
  readonly #threadId: string;
  readonly #services: ValueServices;

  constructor(threadId: string, services: ValueServices) {
    this.#threadId = threadId;
    this.#services = services;
  }

  async set(key: string, value: unknown, options: SetValueOptions = {}): Promise<void> {
    checkOptions<SetValueOptions>(options, SET_OPTIONS);
    assertValueKey(key);
    const ttlMs = checkTtl(options.ttlMs);
    this.#services.status.assertRunning('set a value');
    await this.#check(key, value);
    const owner = this.#ownerOf(options.connection);
    await setValue({ threadId: this.#threadId, key, value, ttlMs, owner }, this.#services);
  }

  async delete(key: string): Promise<boolean> {
    assertValueKey(key);
    this.#services.status.assertRunning('delete a value');
    return deleteValue(this.#threadId, key, this.#services);
  }

  async get<Key extends string>(key: Key): Promise<ValueOf<object, Key> | undefined> {
    assertValueKey(key);
    const [value] = await valuesOf(this.#services).read(this.#threadId, key);
    return value && parse(value.json);
  }

  async entries(): Promise<readonly (readonly [string, unknown])[]> {
    const values = await valuesOf(this.#services).read(this.#threadId);
    return values.map(({ key, json }) => [key, parse(json)] as const);
  }

  /** @throws ConnectionClosedError */
  #ownerOf(connection: SetValueOptions['connection']): string | undefined {
    if (connection === undefined) return undefined;
    const id: unknown = typeof connection === 'object' && connection !== null ? connection.id : undefined;
    if (typeof id !== 'string')
      throw new InvalidOptionError({ option: 'connection', value: connection, expected: 'a connection' });
    if (!this.#services.isConnected(id)) throw new ConnectionClosedError({ connectionId: id, action: 'set a value' });
    return id;
  }

  /** @throws InvalidMessageError, in development */
  async #check(key: string, value: unknown): Promise<void> {
    const { isDevelopment, definitions } = this.#services.settings;
    const definition = isDevelopment ? definitions.of(this.#threadId) : undefined;
    if (definition === undefined) return;
    const { issues } = await checkValue(definition, key, value);
    const { pattern } = definition;
    if (issues !== undefined) throw new InvalidMessageError({ threadId: this.#threadId, pattern, issues });
  }
}

const parse = (json: string): ReturnType<typeof JSON.parse> => JSON.parse(json);
