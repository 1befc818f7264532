import { answer, refuse, type Hub, type PublishAnswer, type PublishedMessage, type Refusal } from '../../src/index.ts';
import { numberOf } from './contents.ts';
import type { Dice } from './dice.ts';
import type { Ledger } from './ledger.ts';
import { isAllowed, type Schedule } from './schedule.ts';

/** What the application of a node decides about its clients, however they have come. */
export class ClientRules {
  readonly #name: string;
  readonly #schedule: Schedule;
  readonly #dice: Dice;
  readonly #ledger: Ledger;
  #answers = 0;

  constructor(name: string, schedule: Schedule, dice: Dice, ledger: Ledger) {
    this.#name = name;
    this.#schedule = schedule;
    this.#dice = dice;
    this.#ledger = ledger;
  }

  session(userId: string): { readonly userId: string; readonly expiresAt: number | undefined } {
    const { sessionMs } = this.#schedule;
    return { userId, expiresAt: sessionMs === undefined ? undefined : Date.now() + sessionMs };
  }

  authorize(userId: string, threadId: string): boolean {
    return isAllowed(this.#schedule, userId, threadId);
  }

  /** The application is not always content with a token. */
  reauthenticate(userId: string): ReturnType<ClientRules['session']> | Refusal {
    const isContent = this.#dice.chance(0.7);
    this.#ledger.note(isContent ? 'session renewed' : 'token refused');
    return isContent ? this.session(userId) : refuse(401);
  }

  async onPublish(hub: Hub, { threadId, id, data }: PublishedMessage): Promise<PublishAnswer> {
    const receipt = await hub.thread(threadId).send(data, { idempotencyKey: id });
    return numberOf(data) % 2 === 0 ? answer({ answer: ++this.#answers, by: this.#name }, receipt) : receipt;
  }
}
