import type { Ledger } from './ledger.ts';
import type { PageThread } from './page-client.ts';

/** What a client has of a thread's values, compared with the log as they come. */
export class ValuesReading {
  readonly #handle: PageThread;
  readonly #ledger: Ledger;
  /** By key: the place in the log's order from which on its next value may be. */
  readonly #from = new Map<string, number>();

  constructor(handle: PageThread, ledger: Ledger, who: string) {
    this.#handle = handle;
    this.#ledger = ledger;
    handle.values?.on('value', ({ key, value }) => {
      ledger.note(value === undefined ? 'value gone' : 'value');
      const from = this.#from.get(key) ?? 0;
      if (value === undefined) {
        this.#from.set(key, from + 1);
        return;
      }
      const json = JSON.stringify(value);
      const place = ledger.values.placeFrom(from, handle.id, key, json);
      if (place === undefined) ledger.complain(`${who} in ${handle.id}: ${key} is ${json} again, after a later change`);
      this.#from.set(key, place ?? from);
    });
  }

  /** Everything is quiet: it has what the log has. */
  missing(): readonly string[] {
    const view = this.#handle.values;
    if (view === undefined) return [];
    const truth = this.#ledger.values.now(this.#handle.id);
    const mine = new Map([...view.entries()].map(([key, value]) => [key, JSON.stringify(value)]));
    return [...new Set([...truth.keys(), ...mine.keys()])].flatMap((key) =>
      truth.get(key) === mine.get(key) ? [] : [`value ${key} is ${mine.get(key)}, in the log ${truth.get(key)}`],
    );
  }
}
