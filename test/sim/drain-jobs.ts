const drain: unknown = Reflect.get(process, '_tickCallback');

/**
 * Runs the jobs of promises and `process.nextTick` that are due, and those that they queue, before it returns. Within such a job it does
 * nothing. A turn of the event loop would do the same for a hundred times the cost, and a schedule has thousands of instants.
 *
 * Node has no public call for it. This one is as old as Node, and `sim.test.ts` shows that it does what it is for.
 */
export function drainJobs(): void {
  if (typeof drain !== 'function') throw new Error('this Node cannot drain its microtasks');
  drain.call(process);
}

/** Runs it in a macrotask of its own, where `drainJobs` works. */
export function inMacrotask<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error);
      }
    });
  });
}
