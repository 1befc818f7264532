import { numberOf } from './contents.ts';
import { wrongWith } from './fillers.ts';
import type { Ledger } from './ledger.ts';
import type { Logged } from './logged.ts';
import type { PageEvents, PageThread } from './page-client.ts';
import { StreamsReading } from './streams-reading.ts';
import { ValuesReading } from './values-reading.ts';

/** What a client has of a thread, compared with the log as it comes. */
export class Reading {
  readonly handle: PageThread;
  readonly #ledger: Ledger;
  readonly who: string;
  /** Its client has left the thread, or was removed from it. */
  isOver = false;
  readonly #rules: Rules;
  readonly #values: ValuesReading;
  readonly #streams: StreamsReading;
  #at: Place | undefined;
  /** The entry at its place; undefined at the beginning. */
  #entry: Logged | undefined;
  /** By offset: the id of what has overtaken others. */
  readonly #ahead = new Map<number, string>();
  /** Numbers of the messages that it has been given. */
  readonly numbers = new Set<number>();
  /** Number of each message in its newest version that it knows; undefined for one that was removed. */
  readonly #view = new Map<string, number | undefined>();
  /** Messages are missing, and edits with them. */
  #hasGap = false;

  constructor(handle: PageThread, ledger: Ledger, who: string, rules: Rules) {
    this.handle = handle;
    this.#ledger = ledger;
    this.who = `${who} in ${handle.id}`;
    this.#rules = rules;
    this.#values = new ValuesReading(handle, ledger, who);
    this.#streams = new StreamsReading(handle, ledger, (what) => this.#complain(what));
    handle.on('joined', ({ position }) => {
      if (this.#at === undefined) this.#begin(placeOf(position));
    });
    handle.on('gap', ({ why, position }) => {
      ledger.note(`gap ${why}`);
      if (!rules.mayHaveGaps) this.#complain(`a gap without any fault: ${why}`);
      const place = placeOf(position);
      this.#hasGap = true;
      // what has overtaken others before the gap is not given again
      if (place.epoch !== this.#at?.epoch || why === 'fork') this.#ahead.clear();
      this.#begin(place);
    });
    handle.on('message', (message) => this.#take(message));
    handle.on('replaced', ({ id, data, position }) => {
      ledger.note('replaced');
      const number = this.#read(data);
      if (this.#view.has(id)) this.#view.set(id, number);
      this.#amended(id, position);
    });
    handle.on('removed', ({ id, position }) => {
      ledger.note('told of a removal');
      if (this.#view.has(id)) this.#view.set(id, undefined);
      this.#amended(id, position);
    });
    handle.on('left', () => rules.onLeft());
    handle.on('error', (error) => {
      // the answer to a join that the application has just undone
      if (rules.mayBeRefused() && 'reason' in error && error.reason === 'forbidden') rules.onLeft();
      else ledger.complain(`${this.who}: ${String(error)}`);
    });
  }

  /** Calls of `loadOlder` that have no answer. */
  #asked = 0;

  #begin(place: Place): void {
    this.#at = place;
    this.#entry = place.offset === 0 ? undefined : this.#logged(place);
  }

  #logged({ epoch, offset, id }: Place): Logged | undefined {
    const entry = this.#ledger.at(this.handle.id, epoch, offset, id);
    return entry?.id === id ? entry : undefined;
  }

  get at(): Place | undefined {
    return this.#at;
  }

  /** What it has of streams in progress is right. */
  look(): void {
    this.#streams.look();
  }

  #take(message: PageEvents['message']): void {
    this.#ledger.deliveries++;
    const number = this.#read(message.data);
    const { offset } = message;
    if (offset === undefined) {
      this.#ledger.note('volatile');
      return;
    }
    const before = this.#at;
    if (before === undefined) return this.#complain(`${offset} came before the join`);
    const { id } = message;
    const now = message.ahead ? { epoch: before.epoch, offset, id } : placeOf(message.position);
    const entry = this.#ledger.at(this.handle.id, now.epoch, offset, id);
    const isAsSent = entry !== undefined && Object.is(entry.number, number);
    const isEdited =
      this.#ledger.fate(this.handle.id, now.epoch, id)?.versions.includes(number) === true ||
      this.#ledger.wasLogged(this.handle.id, number);
    if (entry?.id !== message.id || !(isAsSent || isEdited)) {
      this.#complain(`${now.epoch}.${offset} is ${number}, in the log ${entry?.number}`);
    }
    if (entry?.number === number && entry.except !== undefined && entry.except === this.#rules.scope)
      this.#complain(`${number} is not for its user`);
    if (entry?.isShared === true && !this.#rules.isOld) {
      const { shared } = this.#rules;
      const giver = shared.get(message.id) ?? this.handle.id;
      if (giver !== this.handle.id) this.#complain(`${number} came in ${giver} before`);
      shared.set(message.id, giver);
    }
    this.#view.set(message.id, number);
    if (message.ahead) {
      this.#ledger.note('ahead');
      if (this.#ahead.get(offset) === message.id || offset <= before.offset)
        this.#complain(`${offset} came twice, ahead`);
      this.#ahead.set(offset, message.id);
      return undefined;
    }
    // the log may have lost it, and another one taken its offset
    if (this.#ahead.get(offset) === message.id && now.epoch === before.epoch)
      this.#complain(`${offset} came twice, ahead and in order`);
    this.#moveTo(now, before);
    return undefined;
  }

  /** Its number, if nothing is wrong with it. */
  #read(data: unknown): number {
    const wrong = wrongWith(data);
    if (wrong !== undefined) this.#complain(wrong);
    const number = numberOf(data);
    this.numbers.add(number);
    return number;
  }

  #amended(id: string, position: string): void {
    const before = this.#at;
    if (before === undefined) return this.#complain(`${position} came before the join`);
    const now = placeOf(position);
    const entry = this.#ledger.at(this.handle.id, now.epoch, now.offset, now.id);
    if (now.offset <= before.offset && now.epoch === before.epoch) {
      // one that overtakes leaves the position where it is
      return now.offset === before.offset
        ? undefined
        : this.#complain(`the edit at ${position} after ${before.offset}`);
    }
    if (entry?.target !== id) this.#complain(`${position} edits ${id}, in the log ${entry?.target}`);
    this.#moveTo(now, before);
  }

  #moveTo(now: Place, before: Place): void {
    if (now.epoch !== before.epoch) return this.#complain(`epoch ${now.epoch} after ${before.epoch} without a gap`);
    if (now.offset <= before.offset) this.#complain(`${now.offset} after ${before.offset}`);
    const entry = this.#logged(now);
    let one = entry?.previous;
    for (let missing = now.offset - 1; missing > before.offset; missing--, one = one?.previous) {
      if (!this.#ahead.has(missing) && !this.#isMoot(now.epoch, one))
        this.#complain(`${missing} is missing before ${now.offset}`);
    }
    if (one !== undefined && this.#entry !== undefined && one.id !== this.#entry.id)
      this.#complain(`${now.offset} follows ${one.id}, and it has ${this.#entry.id} at ${before.offset}`);
    this.#at = now;
    this.#entry = entry;
  }

  /** An edit of what the client has received edited, or a message that was removed, is not for it, or came in another thread. */
  #isMoot(epoch: string, entry: Logged | undefined): boolean {
    if (entry === undefined || entry.target !== undefined) return entry !== undefined;
    if (entry.except !== undefined && entry.except === this.#rules.scope) return true;
    if (entry.isShared === true && this.#rules.shared.has(entry.id)) return true;
    if (entry.kind === 'notice') return true;
    if (this.#ledger.wasRemoved(this.handle.id, entry.id)) return true;
    return this.#ledger.fate(this.handle.id, epoch, entry.id)?.isRemoved === true;
  }

  /** Asks for older messages, and compares them with the log. */
  older(): void {
    const epoch = this.#at?.epoch;
    const asking = this.handle.loadOlder?.({ limit: 5 });
    if (asking === undefined) return;
    this.#asked++;
    asking.then(
      ({ messages }) => {
        this.#asked--;
        this.#ledger.note('older');
        let before = 0;
        for (const { id, data, position, bytes } of messages) {
          const place = placeOf(position);
          const entry = this.#ledger.at(this.handle.id, place.epoch, place.offset, place.id);
          // the log was lost, restored or erased meanwhile
          if (place.epoch !== epoch || this.#at?.epoch !== epoch || entry?.id !== id) return;
          this.#ledger.deliveries++;
          const number = numberOf(data);
          const wrong = wrongWith(data);
          if (wrong !== undefined) this.#complain(`history: ${wrong}`);
          const versions = this.#ledger.fate(this.handle.id, place.epoch, id)?.versions ?? [];
          if (bytes === undefined && !Object.is(entry.number, number) && !versions.includes(number))
            this.#complain(`${position} of the history is ${number}, in the log ${entry.number}`);
          if (place.offset <= before) this.#complain(`${position} of the history comes after ${before}`);
          for (let missing = before === 0 ? place.offset : before + 1; missing < place.offset; missing++)
            if (!this.#isMoot(place.epoch, this.#ledger.at(this.handle.id, place.epoch, missing)))
              this.#complain(`${missing} is missing in the history`);
          before = place.offset;
        }
      },
      (error: unknown) => {
        this.#asked--;
        const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
        this.#ledger.note(`older ${code}`);
        if (!OLDER_MAY.has(code)) this.#complain(`older messages: ${String(error)}`);
      },
    );
  }

  /** Its client is closed: nothing waits for more. */
  assertOver(): void {
    for (const what of this.#streams.unended) this.#complain(what);
    if (this.#asked > 0) this.#complain(`${this.#asked} calls of loadOlder have not ended`);
  }

  /** It may have a newer version of this message instead, or none. */
  hasNewer(number: number): boolean {
    return this.#ledger.isAmended(this.handle.id, number);
  }

  #complain(what: string): void {
    this.#ledger.complain(`${this.who}: ${what}`);
  }

  /** What it does not have, or has in an older version, of what it should have now that everything is quiet. */
  missing(): readonly string[] {
    const growing = this.#streams.growing.map((id) => `stream ${id} has no end`);
    const what = [this.behind() ?? [], growing, this.#outdated(), this.#values.missing()].flat();
    return what.map((one) => `${this.who}: ${one}`);
  }

  /**
   * How far it is behind the log; undefined where it has all.
   * @param until that was logged until then: what has just come is on its way
   */
  behind(until?: number): string | undefined {
    const head = this.#ledger.head(this.handle.id, until);
    if (head === undefined || head.offset === 0) return undefined;
    const { epoch, offset } = this.#at ?? { epoch: 'none', offset: 0 };
    const next = (place: number): Logged | undefined => this.#ledger.now(this.handle.id, epoch, place);
    let reached = offset;
    while (reached < head.offset && (this.#ahead.has(reached + 1) || this.#isMoot(epoch, next(reached + 1)))) reached++;
    // it may have another history than the log has now
    const own = next(offset);
    const isSame = own === undefined || this.#entry === undefined || own.id === this.#entry.id;
    const hasAll = epoch === head.epoch && reached >= head.offset && isSame;
    return hasAll ? undefined : `${this.who} ends at ${epoch}.${offset}, the log at ${head.epoch}.${head.offset}`;
  }

  #outdated(): readonly string[] {
    const epoch = this.#at?.epoch ?? '';
    if (this.#hasGap || this.#rules.isOld) return [];
    return [...this.#view].flatMap(([id, number]) => {
      const fate = this.#ledger.fate(this.handle.id, epoch, id);
      const now = fate?.isRemoved === true ? undefined : fate?.versions.at(-1);
      return fate === undefined || number === now ? [] : [`message ${id} is ${number} for it, and ${now} in the log`];
    });
  }
}

/** How asking for older messages may end: the thread is over, the log is another one, or the server has no answer. */
const OLDER_MAY = new Set(['TC_CLIENT_CLOSED', 'TC_SERVER_ERROR', 'TC_PUBLISH_TIMEOUT']);

interface Place {
  readonly epoch: string;
  readonly offset: number;
  readonly id: string;
}

function placeOf(position: string): Place {
  const [epoch = '', offset = '', ...id] = position.split('.');
  return { epoch, offset: Number(offset), id: id.join('.') };
}

/** What a reading may meet. */
interface Rules {
  /** What a message that is not for its user is marked with. */
  readonly scope: string;
  /** A client of 0.1: it takes an edit for a message, does not know of removals, and gets a message of several threads in each of them. */
  readonly isOld?: boolean;
  /** By the id of a message of several threads: the one in which the client was given it. */
  readonly shared: Map<string, string>;
  readonly mayHaveGaps: boolean;
  /** The application has removed the client from a thread before. */
  mayBeRefused(): boolean;
  /** The server has told that the thread is over for this client. */
  onLeft(): void;
}
