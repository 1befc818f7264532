import { RollingMaximum } from './rolling-maximum.ts';
import { freshIfEmpty } from '../../infra/fresh-set.ts';
import type { Clock } from '../../api/clock.ts';

/** Work that can be done in slices. */
export interface Task {
  /** Works until about `deadline` (on the hub's clock); true when nothing is left to do. */
  run(deadline: number): boolean;
  /** Nothing waits for it: it gets a small part of each turn, after the others. */
  readonly isPatient?: boolean;
}

/** Of the budget, what patient work takes of a turn: a message that comes meanwhile waits for so long. */
const PATIENT = 0.25;

/**
 * The reserved part of the budget for each of two kinds of work: work that waits for a turn, and first slices between two turns. So a
 * message sent while big messages are being encoded goes out at once.
 */
const RESERVED = 0.25;

/**
 * One budget for each turn of the event loop, shared by everything that a hub does in slices. There are two classes of work: the queue of
 * encodings, which has its own order, and all other tasks (fan-outs, catch-ups, input, sweeps, history, settlement), round robin. If both
 * wait, the tasks get the first half of a turn. The two parts are separate callbacks, between which promises run.
 *
 * The first slice of a task runs at the end of the current turn's code. So an idle hub delivers at once, and several sends of one turn are
 * one visit. The rest runs in later turns, between which sockets and timers get theirs. A turn and the first slices after it share one
 * budget, and so do first slices and the turn after them.
 *
 * Patient tasks come after that. A sweep over ten thousand threads has work for twenty milliseconds, and a whole budget of it in each turn
 * would delay one message in fifty by that budget.
 */
export class SliceScheduler {
  readonly sliceMs: number;
  readonly now: () => number;
  readonly #clock: Pick<Clock, 'now' | 'nextTurn'>;
  readonly #report: (error: unknown) => void;
  readonly #onIdle: () => void;
  readonly #queue: Task[] = [];
  readonly #patient: Task[] = [];
  #queued = new Set<Task>();
  /** A patient task waits for its first slice. */
  #isPatientNew = false;
  /** The queue of encodings, while one of them waits for its next slice. */
  #encodings: Task | undefined;
  #isStarting = false;
  #isWaiting = false;
  #areEncodingsWaiting = false;
  /** Budget of the turn in progress, or of the last one. */
  #budgetMs: number;
  /** Time used by that turn, as far as first slices have to pay for it. */
  #turnMs = 0;
  /** Time used by first slices since then. */
  #firstMs = 0;
  /** When the slice in progress has to end; undefined if none is. */
  #sliceEnd: number | undefined;
  #longestSliceMs = 0;
  readonly #recentSlice: RollingMaximum;
  /** When the queue was last empty. */
  #busySince = 0;

  /** @param onIdle called when no task is left to do in this turn */
  constructor(
    clock: Pick<Clock, 'now' | 'nextTurn'>,
    sliceMs: number,
    report: (error: unknown) => void,
    onIdle: () => void,
  ) {
    this.sliceMs = sliceMs;
    this.#budgetMs = sliceMs;
    this.now = () => clock.now();
    this.#clock = clock;
    this.#report = report;
    this.#onIdle = onIdle;
    this.#recentSlice = new RollingMaximum(this.now);
  }

  /** The longest time that one slice has held the event loop. */
  get longestSliceMs(): number {
    return this.#longestSliceMs;
  }

  /** The longest time that one slice has held the event loop in the last 30 to 60 seconds. */
  get recentSliceMs(): number {
    return this.#recentSlice.value;
  }

  /** How long tasks have been waiting without a break. A hub that never catches up is under full pressure. */
  get lagMs(): number {
    return this.#queue.length === 0 ? 0 : this.now() - this.#busySince;
  }

  /** The time that a first slice may use now. */
  get leftMs(): number {
    return Math.max(0, this.#sliceEnd === undefined ? this.#unspentMs : this.#sliceEnd - this.now());
  }

  get #unspentMs(): number {
    return this.sliceMs - this.#turnMs - this.#firstMs;
  }

  /** Adds a task to a later turn. Adding a task that already waits changes nothing. */
  add(task: Task): void {
    if (this.#queued.has(task)) return;
    if (task.isPatient === true) this.#isPatientNew = true;
    else if (this.#queue.length === 0) this.#busySince = this.now();
    this.#requeue(task);
    if (this.#isStarting || this.#unspentMs <= 0) return;
    this.#isStarting = true;
    queueMicrotask(this.#start);
  }

  /** Like `add`, but the first slice runs inside the call, as far as this turn's budget allows. */
  start(task: Task): void {
    const begin = this.now();
    const { leftMs } = this;
    if (this.#queued.has(task) || leftMs <= 0) {
      this.add(task);
      return;
    }
    const isDone = this.#run(task, begin + leftMs);
    this.spend(this.now() - begin);
    if (!isDone) this.add(task);
  }

  /** Runs the queue of encodings in the next turns, until nothing in it waits. */
  addEncodings(queue: Task): void {
    this.#encodings = queue;
    // tasks first: sent messages do not wait for those being encoded
    this.#awaitNextTurn();
    if (this.#areEncodingsWaiting) return;
    this.#areEncodingsWaiting = true;
    this.#clock.nextTurn(this.#encode);
  }

  /** Counts work inside a call that has held the event loop. */
  spend(ms: number): void {
    // the slice in progress counts it
    if (this.#sliceEnd !== undefined) return;
    this.#firstMs += ms;
    this.#note(ms);
    this.#awaitNextTurn();
  }

  readonly #start = (): void => {
    this.#isStarting = false;
    this.#firstMs += this.#slice(this.#unspentMs, this.#runTasks);
    // first slices of others are no turn
    if (this.#isPatientNew) this.#firstMs += this.#runPatient(this.#unspentMs);
    this.#awaitNextTurn();
  };

  readonly #nextTurn = (): void => {
    this.#isWaiting = false;
    this.#budgetMs = Math.max(this.sliceMs - this.#firstMs, this.sliceMs * RESERVED);
    this.#firstMs = 0;
    this.#turnMs = 0;
    const hasEncodings = this.#encodings !== undefined;
    if (this.#queue.length > 0) {
      const patientMs = this.#patient.length > 0 ? this.sliceMs * PATIENT : 0;
      const tasksMs = (hasEncodings ? this.#budgetMs / 2 : this.#budgetMs) - patientMs;
      this.#turnMs = this.#slice(tasksMs, this.#runTasks);
    } else {
      this.#onIdle();
      if (!hasEncodings && this.#patient.length === 0) return;
    }
    this.#turnMs += this.#runPatient(this.sliceMs);
    this.#awaitNextTurn();
  };

  readonly #encode = (): void => {
    this.#areEncodingsWaiting = false;
    const encodings = this.#encodings;
    this.#encodings = undefined;
    if (encodings === undefined) return;
    const leftMs = Math.max(this.#budgetMs - this.#turnMs, this.sliceMs * RESERVED);
    let isDone = true;
    const tookMs = this.#slice(leftMs, (end) => {
      isDone = this.#run(encodings, end);
    });
    // time that encodings use beyond their part is not taken from first slices
    const chargedMs = Math.min(this.#turnMs + tookMs, this.sliceMs * (1 - RESERVED));
    this.#turnMs = Math.max(this.#turnMs, chargedMs);
    if (!isDone) this.addEncodings(encodings);
  };

  /** Runs one slice and returns how long it took. */
  #slice(ms: number, work: (end: number) => void): number {
    const begin = this.now();
    this.#sliceEnd = begin + ms;
    work(this.#sliceEnd);
    this.#sliceEnd = undefined;
    const tookMs = this.now() - begin;
    this.#note(tookMs);
    return tookMs;
  }

  #note(ms: number): void {
    this.#longestSliceMs = Math.max(this.#longestSliceMs, ms);
    this.#recentSlice.note(ms);
  }

  readonly #runTasks = (end: number): void => this.#runFrom(this.#queue, end);

  /** Returns how long it took. */
  #runPatient(leftMs: number): number {
    this.#isPatientNew = false;
    if (this.#patient.length === 0 || leftMs <= 0) return 0;
    const ms = Math.min(leftMs, this.sliceMs * PATIENT);
    return this.#slice(ms, (end) => this.#runFrom(this.#patient, end));
  }

  #runFrom(queue: Task[], end: number): void {
    do {
      const task = queue.shift();
      if (task === undefined) break;
      this.#queued.delete(task);
      if (!this.#run(task, end)) this.#requeue(task);
    } while (this.now() < end);
    this.#queued = freshIfEmpty(this.#queued);
  }

  #run(task: Task, deadline: number): boolean {
    try {
      return task.run(deadline);
    } catch (error) {
      this.#report(error);
      return true;
    }
  }

  #requeue(task: Task): void {
    if (this.#queued.has(task)) return;
    this.#queued.add(task);
    (task.isPatient === true ? this.#patient : this.#queue).push(task);
  }

  #awaitNextTurn(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.nextTurn(this.#nextTurn);
  }
}
