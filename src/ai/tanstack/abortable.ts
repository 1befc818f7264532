/** Ends when the signal is aborted, also while it waits. */
export async function* abortable<T>(source: AsyncGenerator<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  try {
    for (;;) {
      const step = await unlessAborted(source.next(), signal);
      if (step === undefined || step.done === true) return;
      yield step.value;
    }
  } finally {
    // it may be waiting: then it ends with what it waits for
    void source.return(undefined).catch(() => {});
  }
}

/** Leaves no listener and no promise behind, however often the signal is used. Undefined once it is aborted. */
function unlessAborted<T>(waited: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined);
    if (signal?.aborted === true) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    waited.then(resolve, reject).finally(() => signal?.removeEventListener('abort', abort));
  });
}
