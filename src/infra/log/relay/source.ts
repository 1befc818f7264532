import type { Anchor, Arrival } from '../shared/arrival.ts';
import type { LogSource } from '../shared/tail-host.ts';
import { countIn, textIn } from './frames.ts';
import type { RelaySession } from './session.ts';
import { arrivalsIn } from './stored-entry.ts';

/** Upwards, or from an offset down to another one. */
interface EntriesFields {
  readonly e: string;
  readonly from: number;
  readonly to?: number;
  readonly up?: true;
  readonly max?: number;
}

/** One thread of the relay's log. */
export class RelaySource implements LogSource {
  readonly #threadId: string;
  readonly #session: RelaySession;

  constructor(threadId: string, session: RelaySession) {
    this.#threadId = threadId;
    this.#session = session;
  }

  async anchor(known?: { readonly epoch: string; readonly offset: number }): Promise<Anchor> {
    const { head } = await this.#call('anchor', { known });
    const { e, o, id, now, k } = head;
    const found = typeof k === 'string' ? k : undefined;
    return { epoch: textIn(e), head: countIn(o), headId: textIn(id), now: Number(now), known: found };
  }

  after(from: number, epoch: string): Promise<Arrival[]> {
    return this.#entries({ from, e: epoch, up: true });
  }

  before(from: number, to: number, epoch: string): Promise<Arrival[]> {
    return this.#entries({ from, to, e: epoch });
  }

  idsBefore(from: number, to: number, epoch: string): Promise<readonly Arrival[]> {
    return this.before(from, to, epoch);
  }

  async oldest(epoch: string): Promise<Arrival | undefined> {
    const [oldest] = await this.#entries({ from: 1, e: epoch, up: true, max: 1 });
    return oldest;
  }

  async #entries(fields: EntriesFields): Promise<Arrival[]> {
    const { head, body } = await this.#call('entries', fields);
    return arrivalsIn(head['l'], fields.e, body);
  }

  #call(t: string, fields: object): ReturnType<RelaySession['call']> {
    return this.#session.call({ t, th: this.#threadId, ...fields });
  }
}
