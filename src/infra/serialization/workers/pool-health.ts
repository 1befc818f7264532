/** This many workers lost in a row are no accident: the pool is failing. */
const FAILURES_IN_A_ROW = 3;

/**
 * Tells when the pool as a whole stops working and when it works again. Only lost workers count (crash, out of memory,
 * deadline); a recipe that throws says nothing about the pool, for or against it.
 */
export class PoolHealth {
  readonly #onChange: (ok: boolean) => void;
  #failures = 0;
  #isOk = true;

  constructor(onChange: (ok: boolean) => void) {
    this.#onChange = onChange;
  }

  workerLost(): void {
    this.#failures++;
    if (!this.#isOk || this.#failures < FAILURES_IN_A_ROW) return;
    this.#isOk = false;
    this.#onChange(false);
  }

  jobDone(): void {
    this.#failures = 0;
    if (this.#isOk) return;
    this.#isOk = true;
    this.#onChange(true);
  }
}
