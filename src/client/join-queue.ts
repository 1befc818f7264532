import { fits, listsOf, type FrameLimits } from './list-frames.ts';
import { encodeRequest, type JoinFields } from './frames.ts';

/** A thread that has to be joined. */
export interface Joiner {
  /** The fields of its join at the moment when it is sent. `ref` is repeated in the answer. */
  joinFields(ref: number): JoinFields;
}

/** Joins in progress at a server that accepts no lists, and counts each frame: 1000 a second, and five times as many at once. */
const SINGLE_JOINS = 32;

/** Sends joins in few frames, and no more at a time than the server answers. So thousands of threads are rejoined at its pace. */
export class JoinQueue {
  readonly #send: (text: string) => void;
  readonly #waiting = new Set<Joiner>();
  /** By their `ref`, which no two joins of the client share. */
  readonly #unanswered = new Set<number | undefined>();
  /** Undefined before `hello`. */
  #limits: FrameLimits | undefined;
  /** The newest one of a question. */
  refs = 0;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** Sent at the end of this turn, together with others. */
  add(joiner: Joiner): void {
    this.#waiting.add(joiner);
    queueMicrotask(() => this.flush());
  }

  delete(joiner: Joiner): void {
    this.#waiting.delete(joiner);
  }

  /** Sends it now: a frame follows that must come after it. */
  urge(joiner: Joiner): void {
    if (this.#waiting.has(joiner)) this.flush();
    if (this.#waiting.has(joiner) && this.#limits) this.#join([joiner], this.#limits);
  }

  greeted(limits: FrameLimits): void {
    this.#limits = limits;
  }

  /** The connection is gone, and its open requests with it. */
  suspend(): void {
    this.#limits = undefined;
    this.#waiting.clear();
    this.#unanswered.clear();
  }

  /** @param ref of the answer; one without it is to no join */
  answered(ref: number | undefined): void {
    if (this.#unanswered.delete(ref)) this.flush();
  }

  flush(): void {
    const limits = this.#limits;
    if (!limits) return;
    const most = limits.list ?? SINGLE_JOINS;
    const room = most - this.#unanswered.size;
    // few frames: the next list goes out when half of the last one has been answered
    if (room >= Math.min(this.#waiting.size, most / 2)) this.#join([...this.#waiting].slice(0, room), limits);
  }

  #join(joiners: readonly Joiner[], limits: FrameLimits): void {
    const entries: string[] = [];
    for (const joiner of joiners) {
      this.#waiting.delete(joiner);
      const fields = shortened(joiner.joinFields(++this.refs), limits);
      this.#unanswered.add(this.refs);
      const isInbox = fields.th === undefined;
      if (!isInbox && limits.list && joiners.length > 1) entries.push(entryOf(fields));
      else this.#send(encodeRequest({ t: isInbox ? 'inbox' : 'join', ...fields, parts: true }));
    }
    for (const list of listsOf(entries, limits)) this.#send(`{"t":"joins","parts":true,"l":${list}}`);
  }
}

/** `[th, ref, from?, s?, have?, values?]` */
function entryOf({ th, ref, from, s, have, values }: JoinFields): string {
  return JSON.stringify([th, ref, from, s, have, values]).replace(/(,null)+\]$/, ']');
}

/** Leaves out what the server can start over, if a frame would be too large. */
function shortened(fields: JoinFields, limits: FrameLimits): JoinFields {
  return fits(JSON.stringify(fields).length, limits) ? fields : { ...fields, s: undefined, have: undefined };
}
