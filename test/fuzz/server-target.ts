import { answer, createHub, type Hub } from '../../src/index.ts';
import { FakeLink, VirtualClock } from '../../src/testing/index.ts';
import { ENDED, type Behaviour, type Input, type Target } from './input.ts';

const isOpen = (threadId: string): boolean => threadId.startsWith('room:') || threadId.startsWith('user:');

/**
 * A hub, and connections of attackers that say anything. Each has the rights of an ordinary client, so that what it says is carried out, and
 * shares its threads with a healthy client.
 */
export class ServerTarget implements Target {
  readonly #clock = new VirtualClock(1_700_000_000_000);
  readonly #hub: Hub;
  readonly #healthy = new FakeLink();
  readonly #reports: unknown[] = [];
  #sent = 0;
  #users = 0;

  constructor() {
    let ids = 0;
    this.#hub = createHub({ clock: this.#clock, newId: () => `id-${++ids}`, development: false });
    this.#hub.on('error', (error) => this.#reports.push(error));
    const healthy = this.#hub.accept(this.#healthy.attach, { userId: 'healthy' });
    void healthy.join('room:1');
    void healthy.join('room:2');
  }

  async feed(inputs: readonly Input[]): Promise<readonly Behaviour[]> {
    const behaviours: Behaviour[] = [];
    const running = this.#hub.thread('room:1').stream({ id: `stream-${++this.#users}` });
    running.append('first words ');
    let link = this.#attack();
    let seen = 0;
    for (const { data, isBinary } of inputs) {
      if (link.isClosed) [link, seen] = [this.#attack(), 0];
      link.say(isBinary ? data : data.toString());
      await this.#clock.settle();
      const news = link.received.slice(seen).map(nameOf);
      seen = link.received.length;
      behaviours.push([link.isClosed ? ENDED : '', ...new Set(news), link.closeCode ?? ''].join(' '));
    }
    running.append('and the last');
    await running.end();
    await this.#clock.advance(20);
    link.hangUp();
    return behaviours;
  }

  /** An attacker connects. */
  #attack(): FakeLink {
    const hub = this.#hub;
    const link = new FakeLink();
    const userId = `user-${this.#users % 50}`;
    hub.accept(link.attach, {
      userId,
      takesBytes: true,
      authorize: isOpen,
      expiresAt: this.#clock.wallTime() + 3_600_000,
      reauthenticate: (token) => token.startsWith('good') && { userId, data: {} },
      onValue: ({ threadId, key }) => isOpen(threadId) && key !== 'forbidden',
      onPublish: async ({ threadId, id, data }) => {
        const receipt = await hub.thread(threadId).send(data, { idempotencyKey: id });
        return answer({ position: receipt.position }, receipt);
      },
    });
    return link;
  }

  async check(): Promise<void> {
    const news = [++this.#sent, ++this.#sent];
    for (const n of news) await this.#run(this.#hub.thread(`room:${(n % 2) + 1}`).send({ healthy: n }));
    await this.#clock.advance(100);
    const got = this.#healthy.received.flatMap((frame) => (frame.includes('"healthy":') ? [frame] : []));
    this.#healthy.received.length = 0;
    const numbers = got.map((frame) => Number(/"healthy":(\d+)/.exec(frame)?.[1]));
    if (JSON.stringify(numbers) !== JSON.stringify(news))
      throw new Error(`the neighbour got ${numbers.join()} of ${news.join()}`);
    if (this.#healthy.isClosed) throw new Error(`the neighbour was closed with ${this.#healthy.closeCode}`);
    // the newest offsets, so that nothing counts as unread
    for (const frame of got) {
      const [, th, o] = /"th":"([^"]+)","o":(\d+)/.exec(frame) ?? [];
      this.#healthy.say({ t: 'ack', th, o: Number(o) });
    }
    if (this.#reports.length > 0) throw new Error('the hub reported an error of a client', { cause: this.#reports[0] });
    const { connections, serializing, unfinishedBytes } = this.#hub.stats();
    const left = { connections: connections.total, serializing, unfinishedBytes };
    if (left.connections !== 1 || serializing !== 0 || unfinishedBytes !== 0)
      throw new Error(`something is left of clients that went: ${JSON.stringify(left)}`);
  }

  async close(): Promise<void> {
    this.#healthy.hangUp();
    const closed = this.#hub.close();
    await this.#clock.advance(30_000);
    await closed;
    const { segmentsInUse, threads } = this.#hub.stats();
    if (this.#clock.pending !== 0 || segmentsInUse !== 0 || threads !== 0)
      throw new Error(`after the end: ${this.#clock.pending} timers, ${segmentsInUse} segments, ${threads} threads`);
  }

  async #run(work: Promise<unknown>): Promise<void> {
    work.catch(() => {});
    await this.#clock.settle();
    await work;
  }
}

/** What an answer is, without what it is about. */
function nameOf(frame: string): string {
  const type = /"t":"([a-z]+)"/.exec(frame)?.[1] ?? 'unknown';
  const code = /"code":"([^"]+)"/.exec(frame)?.[1] ?? '';
  return `${type} ${code}`;
}
