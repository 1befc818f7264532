import { createHash } from 'node:crypto';
import type { PgStatement } from './driver.ts';

/** Names of statements, by their text: PostgreSQL parses and plans a named one only once on each connection. */
export class StatementNames {
  readonly #names = new Map<string, string>();

  /** The same text has the same name in each process: behind a pooler, one may meet what another has prepared. */
  named(text: string, values: readonly unknown[]): PgStatement {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `threadcast_${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`;
      this.#names.set(text, name);
    }
    return { name, text, values };
  }
}
