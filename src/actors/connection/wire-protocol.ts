import { encodeText, type Frame } from '../../infra/wire/frames.ts';
import { isObject, parseObject } from '../../infra/wire/json-object.ts';
import type { JoinRequest } from '../thread/join-request.ts';
import type { PartsWish } from '../delivery/part-sender.ts';
import type { TextPositions } from '../streams/stream-registry.ts';
import type { GapReason } from '../delivery/subscriber.ts';

/** Name of the WebSocket subprotocol; its frames are in `docs/PROTOCOL.md`. */
export const SUBPROTOCOL = 'threadcast.v1.json';

/** What the server says besides messages. */
export const notices = {
  /** @param isUp whether the log can be reached, which is only said where it cannot */
  hello: (sid: string, pingMs: number, limits: { maxBytes: number }, isUp: boolean): Frame =>
    encodeText(JSON.stringify({ t: 'hello', sid, pingMs, limits, up: isUp ? undefined : false })),
  joined: (th: string, pos: string, recovered: number, ref: number | undefined): Frame =>
    encodeText(JSON.stringify({ t: 'joined', th, pos, recovered, ref })),
  gap: (th: string, why: GapReason, pos: string): Frame => encodeText(JSON.stringify({ t: 'gap', th, why, pos })),
  lost: (th: string, s: string): Frame => encodeText(JSON.stringify({ t: 'tok', th, s, lost: true })),
  error: (code: string, about: { th?: string; id?: string; ref?: number | undefined; why?: string } = {}): Frame =>
    encodeText(JSON.stringify({ t: 'err', code, ...about })),
  accepted: (th: string, id: string, pos: string | undefined): Frame =>
    encodeText(JSON.stringify({ t: 'ok', th, id, pos })),
  heartbeat: encodeText('{"t":"hb"}'),
  log: (isUp: boolean): Frame => encodeText(JSON.stringify({ t: 'log', up: isUp })),
  bye: (retryMs: number): Frame => encodeText(JSON.stringify({ t: 'bye', retryMs })),
};

/** What a client may ask for. */
export type Request =
  | { readonly t: 'join'; readonly th: string; readonly from: string | undefined; readonly wish: JoinRequest }
  | { readonly t: 'cancel'; readonly th: string; readonly s: string }
  | { readonly t: 'leave'; readonly th: string }
  | { readonly t: 'ack'; readonly th: string; readonly o: number }
  | {
      readonly t: 'pub';
      readonly th: string;
      readonly id: string;
      readonly d: unknown;
      readonly tp: string | undefined;
    };

/** The request in a frame; `ignored` for a word that this version does not know, `undefined` for what is no request at all. */
export function parseRequest(data: Uint8Array): Request | 'ignored' | undefined {
  const frame = parseObject(Buffer.from(data.buffer, data.byteOffset, data.length).toString());
  if (frame === undefined || typeof frame['t'] !== 'string') return undefined;
  const { t, th, from, parts, have, ref, o, id, d, tp, s } = frame;
  switch (t) {
    case 'join':
      if (typeof th !== 'string' || (from !== undefined && typeof from !== 'string')) return undefined;
      return { t, th, from, wish: wishIn(s, parts === true, have, ref) };
    case 'cancel':
      return typeof th === 'string' && typeof s === 'string' ? { t, th, s } : undefined;
    case 'leave':
      return typeof th === 'string' ? { t, th } : undefined;
    case 'ack':
      return typeof th === 'string' && typeof o === 'number' ? { t, th, o } : undefined;
    case 'pub':
      return typeof th === 'string' && typeof id === 'string'
        ? { t, th, id, d, tp: typeof tp === 'string' ? tp : undefined }
        : undefined;
    default:
      return 'ignored';
  }
}

function wishIn(s: unknown, takesParts: boolean, have: unknown, ref: unknown): JoinRequest {
  return {
    texts: positionsIn(s),
    parts: takesParts ? unfinishedIn(have) : undefined,
    ref: typeof ref === 'number' ? ref : undefined,
  };
}

/** What the client says it has of the streams; what makes no sense counts as nothing. */
function positionsIn(value: unknown): TextPositions | undefined {
  if (!isObject(value)) return undefined;
  const positions = new Map<string, number>();
  for (const [id, at] of Object.entries(value)) {
    if (typeof at === 'number' && Number.isSafeInteger(at) && at > 0) positions.set(id, at);
  }
  return positions;
}

/** What it has of a message that came to its middle; likewise. */
function unfinishedIn(have: unknown): PartsWish {
  const { o, id, n, of } = isObject(have) ? have : {};
  const isRight = typeof n === 'number' && Number.isSafeInteger(n) && n >= 0 && typeof id === 'string';
  const unfinished =
    isRight && typeof o === 'number' && typeof of === 'number' ? { offset: o, id, next: n, of } : undefined;
  return { unfinished };
}
