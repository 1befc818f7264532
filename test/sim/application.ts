import { inWorker, type Hub, type Receipt } from '../../src/index.ts';
import { bytesOf, filled, filledTo } from './fillers.ts';
import { Dice } from './dice.ts';
import type { Ledger } from './ledger.ts';
import type { Reading } from './reading.ts';
import { threadOf, userOf, type ActOf, type Schedule } from './schedule.ts';
import type { SimClient } from './sim-client.ts';
import type { SimNode } from './sim-node.ts';
import { ECHO } from './sim-workers.ts';

/** How a call may end where a hub or a thread closes, or the serializer is held up. */
const FAIR = new Set(['TC_HUB_CLOSED', 'TC_THREAD_CLOSED', 'TC_SERIALIZATION_TIMEOUT']);

type ClientAct = ActOf<'publish' | 'repeat' | 'join' | 'leave' | 'older' | 'clientValue'>;
type NodeAct = ActOf<
  'send' | 'sendToAll' | 'edit' | 'remove' | 'erase' | 'kickUser' | 'closeUser' | 'stream' | 'setValue' | 'dropValue'
>;

/** What the application and its clients do, and what must come of it. */
export class Application {
  readonly #schedule: Schedule;
  readonly #ledger: Ledger;
  readonly #clients: readonly SimClient[];
  /** By the id of a connection: the page that has opened it. */
  readonly #pages: ReadonlyMap<string, object>;
  /** Chooses what is edited. */
  readonly #targets: Dice;
  /** Values that are to go with the client that has set them, as JSON. */
  readonly #owned = new Set<string>();
  #number = 0;

  constructor(schedule: Schedule, ledger: Ledger, clients: readonly SimClient[], pages: ReadonlyMap<string, object>) {
    this.#schedule = schedule;
    this.#ledger = ledger;
    this.#clients = clients;
    this.#pages = pages;
    this.#targets = new Dice(schedule.seed ^ 0x7a26e7);
  }

  nextNumber(): number {
    return ++this.#number;
  }

  isOwned(json: string): boolean {
    return this.#owned.has(json);
  }

  atClient(act: ClientAct, client: SimClient, dice: Dice): void {
    if (act.act === 'repeat') {
      client.repeat();
      return;
    }
    const threadId = threadOf(act.thread);
    switch (act.act) {
      case 'publish':
        return client.publish(threadId, this.nextNumber(), act);
      case 'join':
        return client.join(threadId, dice.chance(0.5) ? 'start' : undefined);
      case 'clientValue': {
        const number = this.nextNumber();
        if (act.isOwned) this.#owned.add(JSON.stringify({ v: number }));
        return client.setValue(threadId, `key${act.key}`, number, { ttlMs: act.ttlMs, owned: act.isOwned });
      }
      case 'leave':
      case 'older':
        return client[act.act](threadId);
    }
  }

  /** Removes a client from a thread. */
  kick(nodes: readonly SimNode[], client: SimClient, threadId: string): void {
    const { connectionId } = client;
    if (connectionId === undefined) return;
    client.noteKick();
    for (const node of nodes) node.kick(connectionId, threadId);
  }

  /** A stream of chunks that grows most while no client has a line. */
  burst({ thread, before, everyMs, chunks }: ActOf<'burst'>, node: SimNode): void {
    const prepare = (): void => {
      this.#ledger.note('burst of chunks');
      for (const { line } of this.#clients) line?.cut();
    };
    const burst = { at: before, chunks, prepare };
    node.stream(threadOf(thread), this.nextNumber(), { chunks: before + 3, everyMs, isChunks: true, burst });
  }

  atNode(act: NodeAct, node: SimNode): void {
    const { hub } = node;
    if (hub === undefined) return;
    switch (act.act) {
      case 'send': {
        for (let i = 0; i < act.times; i++) this.#send(node, hub, act);
        return;
      }
      case 'sendToAll': {
        const ids = Array.from({ length: this.#schedule.threads }, (_, i) => threadOf(i));
        const message = filled(this.nextNumber(), act.size);
        this.#done('to all', node.during(hub.to(ids).send(message)));
        return;
      }
      case 'edit':
      case 'remove':
        this.#amend(act, node, hub);
        return;
      case 'erase':
        this.#done('erase', node.during(hub.thread(threadOf(act.thread)).delete()));
        return;
      case 'kickUser':
        for (const client of this.#clients) if (client.userId === userOf(act.user)) client.noteKick();
        this.#done('kick of a user', node.during(hub.user(userOf(act.user)).leave(threadOf(act.thread))));
        return;
      case 'closeUser':
        this.#done('close of a user', node.during(hub.user(userOf(act.user)).close(4_000, 'moved')));
        return;
      case 'stream':
        node.stream(threadOf(act.thread), this.nextNumber(), act);
        return;
      case 'setValue': {
        const { ttlMs } = act;
        const { values } = hub.thread(threadOf(act.thread));
        this.#done('value', node.during(values.set(`key${act.key}`, { v: this.nextNumber() }, { ttlMs })));
        return;
      }
      case 'dropValue':
        this.#done('value dropped', node.during(hub.thread(threadOf(act.thread)).values.delete(`key${act.key}`)));
    }
  }

  /** It may fail only as a call fails where something closes. */
  #done(what: string, work: Promise<unknown>, alsoFair: readonly string[] = []): void {
    work.then(
      () => this.#ledger.note(what),
      (error: unknown) => {
        const code = codeOf(error);
        this.#ledger.note(`${what} ${code}`);
        const isAway = code === 'TC_LOG_UNAVAILABLE' && this.#ledger.mayBeAway;
        if (!FAIR.has(code) && !isAway && !alsoFair.includes(code)) this.#ledger.complain(`${what}: ${String(error)}`);
      },
    );
  }

  /** The application edits or removes a message of those that it has sent last. */
  #amend(act: ActOf<'edit' | 'remove'>, node: SimNode, hub: Hub): void {
    const threadId = threadOf(act.thread);
    const recent = this.#ledger.recent(threadId, 3);
    if (recent.length === 0) return;
    const { id } = this.#targets.pick(recent);
    const thread = hub.thread(threadId);
    const isEdit = act.act === 'edit';
    const sent = isEdit ? thread.send(filled(this.nextNumber(), act.size), { replaces: id }) : thread.remove(id);
    // trimmed or removed meanwhile
    this.#done(isEdit ? 'edited' : 'removed', node.during<unknown>(sent), ['TC_UNKNOWN_MESSAGE']);
  }

  #send(node: SimNode, hub: Hub, { thread, lane, size, beyond, as, except }: ActOf<'send'>): void {
    const threadId = threadOf(thread);
    const number = this.nextNumber();
    // one that has not been let in yet is not given what goes to the subscription before it
    const readings = new Map<object, Reading>();
    for (const client of this.#clients) {
      const reading = client.reading(threadId);
      if (reading?.at !== undefined) readings.set(client.page, reading);
    }
    const isRecipe = as === 'recipe';
    const { maxMessageBytes } = this.#schedule;
    const isAtLimit = beyond !== undefined && maxMessageBytes !== undefined;
    const message = isAtLimit ? filledTo(number, maxMessageBytes + beyond) : filled(number, size);
    const sending = isRecipe ? inWorker(ECHO, message) : as === 'bytes' ? bytesOf(number, size) : message;
    const options = { lane, except: except === undefined ? undefined : { userId: userOf(except) } };
    const sent = node.during(hub.thread(threadId).send(sending, options));
    if (as === 'bytes') this.#ledger.note('sent bytes');
    if (isRecipe) sent.catch((error: unknown) => this.#ledger.note(`recipe ${codeOf(error)}`));
    if (isAtLimit) return this.#atLimit(sent, beyond > 0);
    this.#done('sent', sent, isRecipe ? ['TC_WORKER_FAILED'] : []);
    sent.then((receipt) => this.#settle({ number, readings }, node, receipt)).catch(() => {});
  }

  /** A message of the largest size is sent, and one with a byte more is not. */
  #atLimit(sent: Promise<unknown>, isTooLarge: boolean): void {
    const what = isTooLarge ? 'one byte too large' : 'as large as may be';
    this.#done(what, sent, isTooLarge ? ['TC_MESSAGE_TOO_LARGE'] : []);
    if (isTooLarge) sent.then(() => this.#ledger.complain('a message beyond the limit was sent')).catch(() => {});
  }

  async #settle(sent: Sent, node: SimNode, receipt: Receipt): Promise<void> {
    const { outcomes, ...counts } = await node.during(receipt.settled({ until: 'acked' }));
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (total !== receipt.recipients)
      this.#ledger.complain(`${sent.number} has ${receipt.recipients} recipients, and ${total} outcomes`);
    for (const [connectionId, outcome] of outcomes) this.#check(sent, connectionId, outcome);
  }

  /** What a receipt says is what the page has that had the connection, whatever became of either. */
  #check({ number, readings }: Sent, connectionId: string, outcome: string): void {
    this.#ledger.note(`outcome ${outcome}${this.#schedule.nodes > 1 ? ', of several nodes' : ''}`);
    const reading = readings.get(this.#pages.get(connectionId) ?? NO_PAGE);
    // one that has left meanwhile was given it in vain
    if (outcome !== 'acked' || reading === undefined || reading.isOver) return;
    if (!reading.numbers.has(number) && !reading.hasNewer(number))
      this.#ledger.complain(`${reading.who}: ${number} counts as acked and was not received`);
  }
}

const NO_PAGE = {};

/** A message that the application has sent, and who was in its thread then. */
interface Sent {
  readonly number: number;
  /** By the page that had it then. */
  readonly readings: ReadonlyMap<object, Reading>;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
