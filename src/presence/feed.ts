import { Emitter } from '../client/emitter.ts';
import { reportGlobally } from '../client/environment.ts';

/** Listeners of one event. */
export class Feed<News> extends Emitter<{ change: News }> {
  constructor() {
    super(['change']);
  }

  override report(error: unknown): void {
    reportGlobally(error);
  }
}
