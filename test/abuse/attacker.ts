// One hostile client, in a process of its own: sends one kind of frame as fast as the server takes it, until it is closed.
import { once } from 'node:events';
import { deflateRawSync } from 'node:zlib';
import { Socket } from 'node:net';
import { WebSocket } from 'ws';

const TEXT = 0x1;
const CONTINUATION = 0x0;
const PING = 0x9;
const PONG = 0xa;
const FIN = 0x80;
const COMPRESSED = 0x40;

/** A masked frame (RFC 6455 section 5.2), its mask zero. */
function frame(bits: number, payload: string | Buffer = ''): Buffer {
  const body = Buffer.from(payload);
  const { length } = body;
  const mask = Buffer.alloc(4);
  if (length < 126) return Buffer.concat([Buffer.from([bits, 0x80 | length]), mask, body]);
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = bits;
  head[1] = 0x80 | (length < 65_536 ? 126 : 127);
  if (length < 65_536) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, mask, body]);
}

const text = (value: string | object): Buffer =>
  frame(FIN | TEXT, typeof value === 'string' ? value : JSON.stringify(value));

const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

const wide = (part: string, end: string): string => `${part.repeat(Math.floor(65_000 / part.length))}${end}`;

const publish = (d: string): Buffer => text(`{"t":"pub","th":"t","id":"a","d":${d}}`);

/** What is sent again and again. */
const attacks: Readonly<Record<string, () => Buffer>> = {
  // the comparison: a process that starts, connects and goes
  nothing: () => Buffer.alloc(0),
  words: () => many(4_000, () => text('{"t":"x"}')),
  arrays: () => publish(`[${wide('[],', '[]')}]`),
  numbers: () => publish(`[${wide('1,', '1')}]`),
  fields: () => publish(`{${Array.from({ length: 6_000 }, (_, i) => `"${i.toString(36)}":1`).join()}}`),
  deep: () => publish(`${'['.repeat(32_000)}${']'.repeat(32_000)}`),
  texts: () => publish(`"${'x'.repeat(65_000)}"`),
  streams: () =>
    text({ t: 'join', th: 't', s: Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`s${i}`, 1])) }),
  oversized: () => publish(`"${'x'.repeat(900_000)}"`),
  publishes: () => many(1_000, (i) => text({ t: 'pub', th: 't', id: `m${i}`, d: i })),
  joins: () => many(1_000, (i) => Buffer.concat([text({ t: 'join', th: `j${i}` }), text({ t: 'leave', th: `j${i}` })])),
  lists: () => text({ t: 'joins', l: Array.from({ length: 256 }, (_, i) => [`l${Math.random()}`, i]) }),
  // what the thread holds, again and again; the second time after a leave
  rereads: () => many(20, () => text({ t: 'join', th: 'h', from: 'start' })),
  rejoins: () =>
    many(20, () => Buffer.concat([text({ t: 'join', th: 'h', from: 'start' }), text({ t: 'leave', th: 'h' })])),
  acks: () => many(2_000, () => text('{"t":"ack","th":"t","o":1}')),
  pings: () => many(10_000, () => frame(FIN | PING)),
  pongs: () => many(10_000, () => frame(FIN | PONG)),
  fragments: () =>
    Buffer.concat([frame(TEXT), many(1_000, () => frame(CONTINUATION)), frame(FIN | CONTINUATION, '{"t":"x"}')]),
  inflating: () => {
    const deflated = deflateRawSync(Buffer.from(JSON.stringify({ t: 'x', d: 'x'.repeat(1_000_000) })));
    return frame(FIN | TEXT | COMPRESSED, deflated);
  },
};

const [url = '', attack = '', sockets = '1'] = process.argv.slice(2);
const bytes = attacks[attack]?.() ?? Buffer.alloc(0);
// what a new process costs is no attack: it begins when it is asked
process.send?.('ready');
await once(process, 'message');
const outcomes = await Promise.all(Array.from({ length: Number(sockets) }, flood));
process.send?.(outcomes);

/** The close code, or the negative HTTP status of a refusal, and how long it took. */
async function flood(): Promise<{ code: number; ms: number }> {
  const webSocket = new WebSocket(url);
  webSocket.on('error', () => {});
  const begunAt = performance.now();
  const refused = new Promise<number>((resolve) => {
    webSocket.on('unexpected-response', (request, response) => {
      request.destroy();
      resolve(-(response.statusCode ?? 0));
    });
  });
  const closed = new Promise<number>((resolve) => void webSocket.on('close', resolve));
  webSocket.on('open', () => {
    const socket: unknown = Reflect.get(webSocket, '_socket');
    if (socket instanceof Socket) pour(webSocket, socket);
  });
  const code = await Promise.race([refused, closed]);
  return { code, ms: performance.now() - begunAt };
}

/** As fast as the server takes it, and still reading. */
function pour(webSocket: WebSocket, socket: Socket): void {
  if (bytes.length === 0) {
    setTimeout(() => webSocket.close(), 500);
    return;
  }
  if (webSocket.readyState !== WebSocket.OPEN) return;
  const goOn = (): void => void setImmediate(pour, webSocket, socket);
  if (socket.write(bytes)) goOn();
  else socket.once('drain', goOn);
}
