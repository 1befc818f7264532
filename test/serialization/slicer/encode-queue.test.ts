import { describe, expect, it } from 'vitest';
import { SliceScheduler } from '../../../src/actors/support/slice-scheduler.ts';
import { EncodeQueue, type SliceTask, type TaskState } from '../../../src/infra/serialization/slicer/encode-queue.ts';

/** A clock that the tasks move, and a loop that is turned by hand. */
class Bench {
  time = 0;
  readonly log: string[] = [];
  /** Milliseconds that the queue held the loop: in calls and in turns. */
  readonly holds: number[] = [];
  readonly #deferred: (() => void)[] = [];
  readonly queue = new EncodeQueue(
    new SliceScheduler(
      { now: () => this.time, nextTurn: (callback) => void this.#deferred.push(callback) },
      2,
      (error) => expect.unreachable(String(error)),
      () => {},
    ),
  );

  /** A task of so many milliseconds, that looks at the clock every tenth of one. */
  task(name: string, needMs: number): SliceTask {
    let doneMs = 0;
    const run = (deadlineMs: number): TaskState => {
      do {
        this.time += 0.1;
        doneMs += 0.1;
      } while (this.time < deadlineMs - 1e-9 && doneMs < needMs - 1e-9);
      const isDone = doneMs >= needMs - 1e-9;
      if (isDone) this.log.push(name);
      return isDone ? 'finished' : 'unfinished';
    };
    return { run };
  }

  start(name: string, needMs: number, maxMs?: number): TaskState {
    const before = this.time;
    const state = this.queue.start(this.task(name, needMs), maxMs);
    this.holds.push(this.time - before);
    return state;
  }

  turn(): boolean {
    const before = this.time;
    const callbacks = this.#deferred.splice(0);
    for (const callback of callbacks) callback();
    this.holds.push(this.time - before);
    return callbacks.length > 0;
  }

  drain(): void {
    while (this.turn());
  }
}

describe('the first slice', () => {
  it('finishes a small task inside the call', () => {
    const bench = new Bench();
    expect(bench.start('small', 0.3)).toBe('finished');
    expect(bench.queue.pending).toBe(0);
  });

  it('never takes more than the budget, or than it is allowed', () => {
    const bench = new Bench();
    expect(bench.start('big', 50)).toBe('unfinished');
    expect(bench.holds).toStrictEqual([expect.closeTo(2)]);
    bench.turn();
    bench.start('limited', 50, 0.5);
    expect(bench.holds.at(-1)).toBeCloseTo(0.5);
  });

  it('shares the budget with all others of the same turn', () => {
    const bench = new Bench();
    for (let index = 0; index < 10; index++) bench.start(`${index}`, 0.7);
    const total = bench.holds.reduce((sum, hold) => sum + hold, 0);
    expect(total).toBeLessThan(2.2);
    expect(bench.log).toStrictEqual(['0', '1']);
    bench.drain();
    expect(bench.log.toSorted()).toStrictEqual(Array.from({ length: 10 }, (_, index) => `${index}`));
  });
});

describe('a turn', () => {
  it('never holds the loop for longer than the budget', () => {
    const bench = new Bench();
    for (let index = 0; index < 20; index++) bench.start(`${index}`, 10);
    bench.drain();
    expect(Math.max(...bench.holds)).toBeLessThan(2.2);
    expect(bench.log).toHaveLength(20);
    expect(bench.queue.pending).toBe(0);
  });

  it('does something, even when first slices have used the budget', () => {
    const bench = new Bench();
    bench.start('big', 10);
    const before = bench.time;
    bench.turn();
    expect(bench.time - before).toBeCloseTo(0.5);
  });

  it('is asked for only while there is something to do', () => {
    const bench = new Bench();
    bench.start('one', 3);
    bench.drain();
    expect(bench.turn()).toBe(false);
  });
});

describe('the order', () => {
  it('lets a small task overtake a burst of big ones that have not begun', () => {
    const bench = new Bench();
    for (let index = 0; index < 20; index++) bench.start('big', 30);
    bench.start('small', 0.4);
    const before = bench.time;
    while (!bench.log.includes('small')) bench.turn();
    expect(bench.time - before).toBeLessThan(2.2);
  });

  it('lets a small task overtake big ones under way', () => {
    const bench = new Bench();
    for (let index = 0; index < 20; index++) bench.start('big', 30);
    for (let turn = 0; turn < 20; turn++) bench.turn();
    expect(bench.start('small', 0.4)).toBe('finished');
  });

  it('does not take a small task for a big one because a slice was held up', () => {
    const bench = new Bench();
    for (let index = 0; index < 20; index++) bench.start('big', 30);
    for (let turn = 0; turn < 100; turn++) bench.turn();
    const small = bench.task('small', 0.4);
    let isHeldUp = false;
    bench.queue.start({
      run: (deadlineMs) => {
        // a collection, or another process on the core
        if (!isHeldUp) bench.time += 50;
        isHeldUp = true;
        return small.run(deadlineMs);
      },
    });
    expect(bench.log).not.toContain('small');
    bench.turn();
    bench.turn();
    expect(bench.log).toContain('small');
  });

  it('finishes equal tasks one after the other, the oldest first', () => {
    const bench = new Bench();
    const finished: number[] = [];
    for (let index = 0; index < 5; index++) bench.start(`${index}`, 30);
    while (bench.log.length < 5) {
      const before = bench.log.length;
      bench.turn();
      if (bench.log.length > before) finished.push(bench.time);
    }
    expect(bench.log).toStrictEqual(['0', '1', '2', '3', '4']);
    // Side by side, all of them would be done near 150.
    expect(finished[0]).toBeLessThan(75);
  });

  it('has the first of very many done early, not all of them at the end', () => {
    const bench = new Bench();
    for (let index = 0; index < 300; index++) bench.start(`${index}`, 10);
    // half of the time that all of them take
    while (bench.time < 1500) bench.turn();
    expect(bench.log.length).toBeGreaterThan(60);
    expect(bench.log.slice(0, 10)).toStrictEqual(Array.from({ length: 10 }, (_, index) => `${index}`));
  });

  it('starves nobody, however many that are not done at once keep coming', () => {
    const bench = new Bench();
    bench.start('big', 20);
    for (let turn = 0; turn < 100; turn++) {
      bench.turn();
      bench.start(`other ${turn}`, 5);
    }
    expect(bench.log).toContain('big');
  });

  it('starves nobody: a big task is done while smaller ones keep coming', () => {
    const bench = new Bench();
    bench.start('big', 20);
    for (let turn = 0; turn < 100; turn++) {
      bench.turn();
      bench.start(`small ${turn}`, 0.3);
    }
    expect(bench.log).toContain('big');
  });
});

it('a cancelled task is not run again', () => {
  const bench = new Bench();
  const task = bench.task('cancelled', 10);
  bench.queue.start(task);
  bench.start('other', 5);
  bench.queue.cancel(task);
  expect(bench.queue.pending).toBe(1);
  bench.drain();
  expect(bench.log).toStrictEqual(['other']);
});

it('a suspended task costs nothing until it is resumed', () => {
  const bench = new Bench();
  const states: TaskState[] = ['suspended', 'finished'];
  const task: SliceTask = { run: () => states.shift() ?? 'finished' };
  expect(bench.queue.start(task)).toBe('suspended');
  bench.drain();
  expect(bench.queue.pending).toBe(1);
  expect(bench.turn()).toBe(false);
  bench.queue.resume(task);
  expect(bench.queue.pending).toBe(0);
  bench.queue.resume(task);
  expect(states).toStrictEqual([]);
});
