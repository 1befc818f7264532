/** One line of JSON from a process of the benchmark. */
export class Answer {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(line: string) {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) throw new Error(`not an object: ${line}`);
    this.#fields = new Map(Object.entries(value));
    const error = this.#fields.get('error');
    if (typeof error === 'string') throw new Error(error);
  }

  number(name: string): number {
    const value = this.#fields.get(name);
    if (typeof value !== 'number') throw new Error(`no number ${name}`);
    return value;
  }

  texts(name: string): Record<string, string> {
    const value = this.#fields.get(name);
    if (typeof value !== 'object' || value === null) throw new Error(`no object ${name}`);
    return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
  }
}
