import { randomUUID } from 'node:crypto';
import type { EventLink } from './event-link.ts';

/** An event stream that is open. */
export class OpenLink {
  readonly link: EventLink;
  /** Id of its connection. */
  readonly sid: string;
  /** Known only to its client: who has it may send for the connection. */
  readonly key: string;
  readonly userId: string | undefined;
  #requests = 0;

  constructor({ link, sid, key, userId }: Pick<OpenLink, 'link' | 'sid' | 'key' | 'userId'>) {
    this.link = link;
    this.sid = sid;
    this.key = key;
    this.userId = userId;
  }

  /** False for a request that has come before. */
  isNext(n: number): boolean {
    if (n <= this.#requests) return false;
    this.#requests = n;
    return true;
  }
}

/** The open event streams, to be found by the requests that belong to them. */
export class LinkTable {
  readonly #bySid = new Map<string, OpenLink>();
  readonly #byKey = new Map<string, OpenLink>();

  add(open: OpenLink): void {
    this.#bySid.set(open.sid, open);
    this.#byKey.set(open.key, open);
  }

  delete(sid: string): void {
    const open = this.#bySid.get(sid);
    if (open === undefined) return;
    this.#bySid.delete(sid);
    this.#byKey.delete(open.key);
  }

  /** A connection of the same user; without a user, the id is the secret. */
  ofUser(sid: unknown, userId: string | undefined): OpenLink | undefined {
    const open = typeof sid === 'string' ? this.#bySid.get(sid) : undefined;
    return open?.userId === userId ? open : undefined;
  }

  byKey(key: unknown): OpenLink | undefined {
    return typeof key === 'string' ? this.#byKey.get(key) : undefined;
  }
}

/** A key that only the client of one response knows. */
export const secretKey = (): string => randomUUID();
