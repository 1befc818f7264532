/** Records that leave in one WebSocket message, unless a single one is larger. */
const BATCH_BYTES = 65_536;

/** The records of one turn of the event loop, which leave together: a write to another process costs more than all work on a record. */
export class RecordBatch {
  readonly #leave: (records: readonly Buffer[], bytes: number) => void;
  #records: Buffer[] = [];
  #bytes = 0;
  #isDue = false;

  constructor(leave: (records: readonly Buffer[], bytes: number) => void) {
    this.#leave = leave;
  }

  add(record: Buffer): void {
    this.#records.push(record);
    this.#bytes += record.length;
    if (this.#bytes >= BATCH_BYTES) this.flush();
    else if (!this.#isDue) {
      this.#isDue = true;
      setImmediate(this.#onTurn);
    }
  }

  flush(): void {
    if (this.#bytes === 0) return;
    const [records, bytes] = [this.#records, this.#bytes];
    this.#records = [];
    this.#bytes = 0;
    this.#leave(records, bytes);
  }

  readonly #onTurn = (): void => {
    this.#isDue = false;
    this.flush();
  };
}
