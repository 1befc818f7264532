import type { ClientThread } from '../client/index.ts';
import { Store } from './store.ts';
import type { ThreadStore } from './thread-store.ts';

/** What every view of a part has. */
export interface PartView {
  /** Why the server has refused the last request, or it has not been answered: what `values.set` rejects with. */
  readonly error: Error | undefined;
}

/** Shows what the values of a thread say, and keeps the thread joined for that. */
export abstract class PartStore<View extends PartView> extends Store<View> {
  protected readonly thread: ThreadStore;
  protected error: Error | undefined;
  /** The thread that it is attached to: the store may join anew. */
  #joined: ClientThread | undefined;
  #detach = (): void => {};
  #release = (): void => {};
  /** The content of the snapshot. */
  #content = '';

  constructor(thread: ThreadStore, initial: View) {
    super(initial);
    this.thread = thread;
  }

  /**
   * Listens to the thread, until the function that it returns is called.
   * @throws InvalidOptionError where the client was connected without the part `values`
   */
  protected abstract attach(thread: ClientThread): () => void;

  /** It is attached, or the server has let the client into the thread again. */
  protected onJoined(): void {}

  /** There is another snapshot of the thread. */
  protected onThread(): void {}

  /** What there is to show. */
  protected abstract view(): View;

  protected override begin(): void {
    this.#release = this.thread.subscribe(() => {
      this.#attach();
      this.onThread();
    });
    try {
      this.#attach();
    } catch (error) {
      this.#release();
      throw error;
    }
    this.changedNow();
  }

  protected override end(): void {
    this.#detach();
    this.#detach = () => {};
    this.#joined = undefined;
    this.#release();
  }

  protected override take(): View {
    const former = this.getSnapshot();
    // joined anew: what was known stays until the server has said all
    if (this.#content !== '' && this.#joined?.values?.isKnown !== true) return former;
    const view = this.view();
    const content = JSON.stringify(view, toJson);
    if (content === this.#content) return former;
    this.#content = content;
    return view;
  }

  /** Shows whether the request fails. */
  protected async watch(request: Promise<void>): Promise<boolean> {
    this.error = undefined;
    await request.catch((error: unknown) => (this.error = error instanceof Error ? error : new Error(String(error))));
    this.changed();
    return this.error === undefined;
  }

  #attach(): void {
    const { thread } = this.thread;
    if (thread === undefined || thread === this.#joined) return;
    const stop = this.attach(thread);
    this.#detach();
    this.#joined = thread;
    const joined = thread.on('joined', () => this.onJoined());
    this.#detach = () => {
      stop();
      joined();
    };
    this.onJoined();
  }
}

const toJson = (_: string, value: unknown): unknown =>
  value instanceof Map ? [...value] : value instanceof Error ? value.message : value;
