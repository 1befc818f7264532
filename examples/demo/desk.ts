import { hash } from 'node:crypto';
import { refuse, type Hub } from 'threadcast';
import type { Published } from './audit.ts';
import type { Crowd } from './crowd/crowd.ts';
import type { Comparison } from './naive/comparison.ts';
import { threads } from './threads.ts';

const MOST_CHARACTERS = 500;

/** What a page publishes, as `onPublish` has it. */
export interface Wish {
  readonly threadId: string;
  readonly id: string;
  readonly data: unknown;
}

export interface DeskOptions {
  readonly hub: Hub;
  readonly crowd: Crowd;
  readonly comparison: Comparison;
}

/** Takes what the pages ask for: words for the conversation, and what is to happen to the phone. */
export class Desk {
  readonly #options: DeskOptions;
  /** What overtakes, by its offset, for the audit: a client gets it ahead, or at its place, or in both ways. */
  readonly said = new Map<number, Published>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** The demo's `onPublish`. */
  async take(userId: string, { threadId, id, data }: Wish) {
    if (threadId === threads.conversation) return this.#say(userId, id, data);
    if (threadId === threads.control) return this.#order(data);
    return refuse(403);
  }

  async #say(user: string, id: string, data: unknown) {
    const text = typeof data === 'string' ? data.trim() : '';
    if (text === '' || text.length > MOST_CHARACTERS) return refuse(403, `1 to ${MOST_CHARACTERS} characters`);
    return this.#overtake({ type: 'said', user, text }, id);
  }

  /** The agent asks while its big result is on its way to the clients. */
  async ask(play: number): Promise<void> {
    const text = 'May I hold tonight’s ledger export until its pool is fixed?';
    await this.#overtake({ type: 'approval', play, turn: 2, call: 'call_2', text });
  }

  async #overtake(message: object, idempotencyKey?: string) {
    const json = JSON.stringify(message);
    const receipt = await this.#options.hub
      .thread(threads.conversation)
      .send(message, { lane: 'critical', ...(idempotencyKey !== undefined && { idempotencyKey }) });
    const offset = Number(receipt.position?.split('.', 2)[1]);
    this.said.set(offset, { offset, id: receipt.id, digest: hash('sha256', json), bytes: Buffer.byteLength(json) });
    return receipt;
  }

  #order(order: unknown) {
    const { crowd, comparison } = this.#options;
    if (order === 'stop' || order === 'wake' || order === 'drop') crowd.order(order, crowd.phone.user);
    else if (order === 'compare') comparison.toggle();
    else return refuse(403, 'unknown');
    return true;
  }
}
