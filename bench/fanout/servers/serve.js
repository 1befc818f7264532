// What every contender's process has in common: it listens to the benchmark on stdin and answers on stdout, one line of JSON
// each; it hears on a port of its own from the load client when a round has arrived; and it measures itself. Plain JavaScript,
// because it runs in Node 20 (uWebSockets.js) and Bun as well. Types in serve.d.ts.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { makeMessage } from './messages.js';
import { LoopProbe, PeakMemory, collectGarbage, makeStamp } from './meters.js';

/** A round that has not arrived after this time never will. */
const ROUND_TIMEOUT_MS = 120_000;

/** @type {import('./serve.d.ts').serve} */
export async function serve(start) {
  const options = JSON.parse(process.argv[2] ?? '{}');
  const contender = await start(options);
  const acks = new Acks();
  const ackPort = await acks.listen();
  const stamp = await makeStamp();
  const bench = new Bench(contender, acks, stamp);
  say({ port: contender.port, ackPort, versions: contender.versions });
  const lines = createInterface({ input: process.stdin });
  // the benchmark has gone
  lines.on('close', () => process.exit(0));
  lines.on('line', (line) => {
    const command = JSON.parse(line);
    Promise.resolve()
      .then(() => bench[command.do](command))
      .then(say, (error) => say({ error: error instanceof Error ? error.message : String(error) }));
  });
}

/** The commands. Each returns what was measured. */
class Bench {
  #contender;
  #acks;
  #stamp;

  constructor(contender, acks, stamp) {
    this.#contender = contender;
    this.#acks = acks;
    this.#stamp = stamp;
  }

  /**
   * Rounds of `perTurn` messages sent in one turn, each as soon as the one before has arrived everywhere. `isDeaf`: nobody is
   * there to say so, and a message counts as arrived when the contender says that it is sent.
   */
  async slice({ room, kind, bytes, perTurn, recipients, ms, leastRounds, probes, isDeaf }) {
    const messages = makeMessage(kind, bytes);
    const probe = new LoopProbe();
    if (!isDeaf) {
      await this.#acks.begin(perTurn * recipients);
      this.#acks.tell('spin');
    }
    if (probes) probe.start();
    const start = performance.now();
    const cpu = process.cpuUsage();
    let rounds = 0;
    while (rounds < leastRounds || performance.now() - start < ms) {
      const sends = [];
      for (let i = 0; i < perTurn; i++) sends.push(this.#contender.send(room, messages.make(this.#stamp())));
      await (isDeaf ? Promise.all(sends) : this.#acks.done());
      rounds++;
    }
    const used = process.cpuUsage(cpu);
    const wallMs = performance.now() - start;
    probe.stop();
    if (!isDeaf) this.#acks.tell('rest');
    const deliveries = rounds * perTurn * recipients;
    return {
      cpuUs: used.user + used.system,
      userUs: used.user,
      wallMs,
      deliveries,
      longestMs: probes ? probe.longestMs : null,
    };
  }

  /** `count` messages, one every `1000 / perSecond` milliseconds, until the last has arrived everywhere. */
  async paced({ room, kind, bytes, perSecond, count, recipients }) {
    const messages = makeMessage(kind, bytes);
    await this.#acks.begin(count * recipients);
    this.#acks.tell('spin');
    const start = performance.now();
    const cpu = process.cpuUsage();
    await pace(perSecond, (sent, lateMs) => {
      if (sent === count) return false;
      this.#contender.send(room, messages.make(this.#stamp(lateMs)));
      return true;
    });
    await this.#acks.done();
    const used = process.cpuUsage(cpu);
    this.#acks.tell('rest');
    return { cpuUs: used.user + used.system, wallMs: performance.now() - start, deliveries: count * recipients };
  }

  /** One huge message while small ones go to another room at a fixed rate. */
  async huge({ room, bytes, recipients, smallRoom, smallBytes, perSecond }) {
    const huge = makeMessage('records', bytes).make(this.#stamp());
    const small = makeMessage('text', smallBytes);
    collectGarbage();
    const probe = new LoopProbe();
    const peak = new PeakMemory();
    await this.#acks.begin(recipients);
    let isDone = false;
    const pacing = pace(perSecond, (sent, lateMs) => {
      if (isDone) return false;
      peak.look();
      this.#contender.send(smallRoom, small.make(this.#stamp(lateMs)));
      return true;
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    probe.start();
    const start = performance.now();
    const cpu = process.cpuUsage();
    this.#contender.send(room, huge);
    try {
      await this.#acks.done();
    } finally {
      isDone = true;
    }
    probe.stop();
    const used = process.cpuUsage(cpu);
    const wallMs = performance.now() - start;
    await pacing;
    return { cpuUs: used.user + used.system, wallMs, longestMs: probe.longestMs, peakMb: peak.growthMb };
  }

  /** So many messages to those who read, while others do not: what those cost in memory. */
  async flood({ room, bytes, count, recipients }) {
    const messages = makeMessage('text', bytes);
    const peak = new PeakMemory();
    await this.#acks.begin(recipients);
    for (let i = 0; i < count; i++) {
      this.#contender.send(room, messages.make(this.#stamp()));
      await this.#acks.done();
      if (i % 16 === 0) peak.look();
    }
    peak.look();
    return { peakMb: peak.growthMb };
  }

  async memory() {
    // twice: what the first one finalizes, the second one frees
    for (let i = 0; i < 2; i++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed };
  }

  /** The longest turn of a loop that works for 2 ms a turn: how much of a long block is the machine, or its other users. */
  async noise({ ms }) {
    const probe = new LoopProbe();
    probe.start();
    for (const start = performance.now(); performance.now() - start < ms;) {
      for (const turn = performance.now(); performance.now() - turn < 2;);
      await new Promise((resolve) => setImmediate(resolve));
    }
    probe.stop();
    return { longestMs: probe.longestMs };
  }

  usage() {
    const { user, system } = process.cpuUsage();
    return { cpuUs: user + system };
  }

  /** Connections that a native sender has a descriptor of. */
  flying() {
    return { flying: this.#contender.flying?.() ?? 0 };
  }

  members({ room }) {
    return { count: this.#contender.members(room) };
  }
}

/** The load client's word that everything has arrived. */
class Acks {
  #socket;
  #text = '';
  #isReady = false;
  #arrived = 0;
  #waiting;

  listen() {
    const server = createServer((socket) => {
      this.#socket = socket;
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('data', (data) => this.#take(data.toString('latin1')));
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  }

  /** From now on the load client says when so many messages have come. */
  async begin(messages) {
    if (this.#socket === undefined) throw new Error('no load client at the ack port');
    this.#arrived = 0;
    this.#isReady = false;
    this.tell(`round ${messages}`);
    await this.#until(() => this.#isReady);
    this.#arrived = 0;
  }

  /** `spin`: the load client never sleeps from now on, `rest`: it sleeps when nothing comes. */
  tell(words) {
    this.#socket.write(`${words}\n`);
  }

  async done() {
    await this.#until(() => this.#arrived > 0);
    this.#arrived--;
  }

  #take(text) {
    this.#text += text;
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) {
      if (line === 'ready') this.#isReady = true;
      else if (line === 'done') this.#arrived++;
    }
    this.#waiting?.();
  }

  #until(isTrue) {
    if (isTrue()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined;
        reject(new Error('messages are missing'));
      }, ROUND_TIMEOUT_MS);
      this.#waiting = () => {
        if (!isTrue()) return;
        this.#waiting = undefined;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * Calls `step` with 0, 1, 2... at the given rate, without drift, until it returns false. A held loop makes steps late; they are
 * told by how much, so that the wait counts as the latency that it is for whoever waits for the message.
 */
function pace(perSecond, step) {
  const start = performance.now();
  let count = 0;
  return new Promise((resolve) => {
    const next = () => {
      for (;;) {
        const lateMs = performance.now() - start - (count * 1000) / perSecond;
        if (lateMs < 0) return setTimeout(next, -lateMs);
        if (!step(count, lateMs)) return resolve();
        count++;
      }
    };
    next();
  });
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
