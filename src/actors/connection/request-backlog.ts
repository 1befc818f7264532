import type { MaybePromise } from '../../api/message.ts';
import { MOST_WAITING } from './input-costs.ts';
import { RequestLanes, type SharedSlots } from './request-lanes.ts';
import { MAX_LIST, type Join, type Request } from './wire-protocol.ts';

/** A request that has been read and is not done. */
interface Pending {
  readonly th: string;
  readonly isJoin: boolean;
  readonly request: Request;
  /** Size of its frame in bytes. */
  readonly bytes: number;
}

/** The requests of one client that have been read and are not done, counted and bounded. */
export class RequestBacklog {
  readonly #lanes: RequestLanes<Pending>;
  readonly #onDone: () => void;
  #bytes = 0;
  /** Requests without joins. */
  #requests = 0;
  #joins = 0;
  /** Joins of threads that the connection is not in. */
  readonly #joining = new Map<string, number>();

  /**
   * @param perform never throws or rejects
   * @param onDone a request is over, and the next one may start
   */
  constructor(slots: SharedSlots, perform: (request: Request) => MaybePromise<void>, onDone: () => void) {
    this.#lanes = new RequestLanes(slots, ({ request }) => perform(request));
    this.#onDone = onDone;
  }

  /** Bytes of the frames that the requests came in. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of threads that the client will be in when its joins are done, and is not in now. */
  get newThreads(): number {
    return this.#joining.size;
  }

  isJoining(threadId: string): boolean {
    return this.#joining.has(threadId);
  }

  /** A client waits for the answers before it sends the next list of joins. */
  get isOverrunByJoins(): boolean {
    return this.#joins > MAX_LIST;
  }

  /** Takes any request except a join; false if too many wait. */
  add(request: Exclude<Request, Join>, bytes: number): boolean {
    if (++this.#requests > MOST_WAITING.requests) return false;
    this.#bytes += bytes;
    // requests about no thread have a lane of their own, which no thread id can equal; pages of history delay no other request
    const hasLane = 'th' in request && request.t !== 'history';
    this.#lanes.add({ th: hasLane ? request.th : `~${request.t}`, isJoin: false, request, bytes });
    return true;
  }

  /** @param isNew the connection is not in that thread */
  addJoin(request: Join, isNew: boolean): void {
    const { th } = request;
    this.#joins++;
    if (isNew) this.#joining.set(th, (this.#joining.get(th) ?? 0) + 1);
    this.#lanes.add({ th, isJoin: true, request, bytes: 0 });
  }

  /** Whether a waiting request may be performed now. */
  canStart(takesJoins: boolean): boolean {
    return this.#lanes.canStart(takesJoins);
  }

  /** Performs the next request. Only when `canStart`. True if it is in progress, false if it is done. */
  start(): boolean {
    return this.#lanes.start(this.#finish);
  }

  readonly #finish = ({ th, isJoin, bytes }: Pending): void => {
    if (isJoin) this.#joined(th);
    else this.#requests--;
    this.#bytes -= bytes;
    this.#onDone();
  };

  #joined(threadId: string): void {
    this.#joins--;
    const joining = this.#joining.get(threadId) ?? 0;
    if (joining > 1) this.#joining.set(threadId, joining - 1);
    else this.#joining.delete(threadId);
  }
}
