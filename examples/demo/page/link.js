/** Codes after which a client stays away; after all others it comes back and resumes. */
const FINAL = new Set([1000, 1008, 1009, 4400, 4401, 4403, 4409]);

/**
 * A client of the wire in a page, with nothing but the browser's WebSocket: joins threads, keeps a position for each of them,
 * and resumes there when the connection was lost.
 *
 * @param {string} url
 * @param {Record<string, { from?: string, onMessage(message: unknown, bytes: number, id: string): void,
 *   onPart?(count: number, of: number, bytes: number): void, onText?(stream: string, text: string): void,
 *   onGap?(why: string): void }>} threads what to join, and from where the first time
 * @param {(state: 'connecting' | 'live' | 'ended') => void} onState
 * @returns {(thread: string, data: unknown) => void} publishes, again after a reconnect until the server has answered
 */
export function openLink(url, threads, onState) {
  const epochs = new Map();
  const positions = new Map();
  /** Of the token streams in progress, how much text has come. */
  const streams = new Map();
  /** What has been published and not been answered, by its id. */
  const unanswered = new Map();
  /** Of the big message that comes in parts, what is here: other messages may come between them. */
  let big;
  let socket;
  let failures = 0;
  let retryMs = 0;

  function connect() {
    onState('connecting');
    socket = new WebSocket(url, 'threadcast.v1.json');
    socket.addEventListener('open', () => {
      for (const [th, { from }] of Object.entries(threads)) {
        const have = big?.th === th ? { o: big.o, id: big.id, n: big.texts.length, of: big.of } : undefined;
        socket.send(JSON.stringify({ t: 'join', th, from: positions.get(th) ?? from, parts: true, have }));
      }
      for (const frame of unanswered.values()) socket.send(frame);
    });
    socket.addEventListener('message', ({ data }) => take(JSON.parse(data), data.length));
    socket.addEventListener('close', ({ code }) => {
      if (FINAL.has(code)) return onState('ended');
      onState('connecting');
      // with jitter, or as the server asked: those who were lost together should not come back together
      const wait = Math.max(retryMs, Math.min(5_000, 100 * 2 ** failures++) * (0.5 + Math.random()));
      retryMs = 0;
      setTimeout(connect, wait);
    });
  }

  function take(frame, bytes) {
    switch (frame.t) {
      case 'joined':
        failures = 0;
        onState('live');
        stand(frame.th, frame.pos);
        break;
      case 'gap':
        stand(frame.th, frame.pos);
        // those in progress begin anew
        streams.clear();
        big = undefined;
        threads[frame.th]?.onGap?.(frame.why);
        break;
      case 'part':
        takePart(frame);
        break;
      case 'msg':
        deliver(frame.th, frame, bytes);
        break;
      case 'batch':
        for (const message of frame.m) deliver(frame.th, message, bytes);
        break;
      case 'tok':
        write(frame);
        break;
      case 'ok':
      case 'err':
        unanswered.delete(frame.id);
        break;
      case 'bye':
        retryMs = frame.retryMs;
        break;
    }
  }

  function stand(th, position) {
    epochs.set(th, position.split('.', 1)[0]);
    positions.set(th, position);
  }

  function write({ th, s, at, d }) {
    const known = streams.get(s) ?? 0;
    if (d === undefined || at > known || at + d.length <= known) return;
    streams.set(s, at + d.length);
    threads[th]?.onText?.(s, d.slice(known - at));
  }

  function takePart({ th, o, id, n, of, d, last }) {
    if (n === 0) big = { th, o, id, of, texts: [], bytes: 0 };
    if (big?.id !== id || big.texts.length !== n) return;
    big.texts.push(d);
    big.bytes += d.length;
    threads[th]?.onPart?.(n + 1, of, big.bytes);
    if (last) deliver(th, { o, id, d: JSON.parse(big.texts.join('')) }, big.bytes);
  }

  function deliver(th, { o, id, ahead, d }, bytes) {
    // it is complete, or the hub has gone on without the rest of it
    if (big?.th === th && o !== undefined && !ahead) big = undefined;
    // volatile messages have no offset, and what overtakes does not move the position
    if (o !== undefined && !ahead) positions.set(th, `${epochs.get(th)}.${o}.${id}`);
    streams.delete(id);
    threads[th]?.onMessage(d, bytes, id);
  }

  connect();
  return (th, d) => {
    const id = crypto.randomUUID();
    const frame = JSON.stringify({ t: 'pub', th, id, d });
    unanswered.set(id, frame);
    if (socket.readyState === WebSocket.OPEN) socket.send(frame);
  };
}
