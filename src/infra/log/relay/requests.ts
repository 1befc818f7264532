import type { EntryDraft } from '../../../api/entry.ts';
import type { Appended, DeliveryLog, Position } from '../../../api/log.ts';
import type { ValueDraft } from '../../../api/log-values.ts';
import type { Clock } from '../../../api/clock.ts';
import { LogUnsupportedError } from '../../errors.ts';
import { isObject } from '../../wire/json-object.ts';
import { SharedBody } from '../shared-body.ts';
import { decodeHeader, kept } from '../shared/arrival.ts';
import { pageOf, type Channel, type ChannelPeer } from './channel.ts';
import { countIn, textIn, type RelayFrame } from './frames.ts';
import type { RelayNode, RelayNodes } from './relay-nodes.ts';
import type { RelayTime } from './stored-entry.ts';

/** What a relay does for its nodes. */
export interface RelayDesk {
  readonly log: DeliveryLog;
  readonly clock: Clock;
  readonly time: RelayTime;
  readonly nodes: RelayNodes;
  /** The channel of a thread that the peer has subscribed to, or one that is made. */
  readonly channel: (threadId: string) => Channel;
  readonly known: (threadId: string) => Channel | undefined;
  readonly leave: (threadId: string, peer: ChannelPeer) => void;
  /** Trims the log, unless that was done at this moment. */
  readonly sweep: () => void;
}

/** A node with its connection. */
export interface Requester extends ChannelPeer {
  readonly node: RelayNode;
}

/** The fields of an answer, and its body. */
export interface RelayAnswer {
  readonly head: object;
  readonly body?: readonly Uint8Array[];
}

type Handler = (
  desk: RelayDesk,
  by: Requester,
  frame: RelayFrame,
  threadId: string,
) => RelayAnswer | Promise<RelayAnswer>;

const DONE: RelayAnswer = { head: {} };

/** Most messages of a page of history. */
const MAX_PAGE = 10_000;

const limitIn = (value: unknown): number => (value === null ? Infinity : countIn(value));

/** What a node asks, by `t`. Each answers, or throws: the code of the error is the answer then. */
export const REQUESTS: Readonly<Record<string, Handler>> = {
  append({ log, clock, time, known }, peer, { head, body }, threadId) {
    const [id, header] = [textIn(head['id']), textIn(head['h'])];
    const { isCritical, ms, ...facts } = decodeHeader(header);
    const draft: EntryDraft = {
      ...facts,
      threadId,
      id,
      lane: isCritical ? 'critical' : 'normal',
      expiresAt: facts.kind === 'notice' ? -Infinity : ms === undefined ? Infinity : clock.now() + ms,
      body: new SharedBody(body.length === 0 ? [] : [kept(body)]),
    };
    const channel = known(threadId);
    const answerOf = ({ entry, isDuplicate }: Appended, { epoch }: Position): RelayAnswer => ({
      head: { e: epoch, o: entry.offset, at: time.of(entry.loggedAt), dup: isDuplicate ? true : undefined },
    });
    channel?.appending(id, { peer, header });
    let isLater = false;
    try {
      const appended = log.append(draft);
      const position = appended instanceof Promise ? undefined : log.position(threadId);
      // a log in this process answers at once: no promise for each message
      if (!(appended instanceof Promise) && position !== undefined && !(position instanceof Promise))
        return answerOf(appended, position);
      isLater = true;
      const later = async (): Promise<RelayAnswer> =>
        answerOf(await appended, await (position ?? log.position(threadId)));
      return later().finally(() => channel?.appended(id));
    } finally {
      if (!isLater) channel?.appended(id);
    }
  },
  async sub({ channel }, by, _frame, threadId) {
    const opened = channel(threadId);
    opened.peers.add(by);
    await opened.open();
    return DONE;
  },
  unsub({ leave }, by, _frame, threadId) {
    leave(threadId, by);
    return DONE;
  },
  async anchor({ known }, _by, { head }, threadId) {
    const { known: asked } = head;
    const position = isObject(asked) ? { epoch: textIn(asked['epoch']), offset: countIn(asked['offset']) } : undefined;
    const anchor = await known(threadId)?.anchor(position);
    if (anchor === undefined) throw new Error('not subscribed');
    return { head: anchor };
  },
  async entries({ known }, _by, { head }, threadId) {
    const { e, from, to, up, max } = head;
    const query = { epoch: textIn(e), from: countIn(from), to: countIn(to), isUpwards: up === true };
    const page = await known(threadId)?.entries({ ...query, limit: max === undefined ? Infinity : countIn(max) });
    if (page === undefined) throw new Error('another epoch');
    return { head: { l: page.l }, body: page.body };
  },
  async readAfter({ log, time }, _by, { head }, threadId) {
    const entries = await log.readAfter(threadId, countIn(head['o']), Math.min(MAX_PAGE, countIn(head['limit'])));
    const { l, body } = pageOf(entries, time);
    return { head: { l, now: time.now() }, body };
  },
  async readBefore({ log, time }, _by, { head }, threadId) {
    const [before = 0, limit = 0, maxBytes = 0] = Array.isArray(head['most']) ? head['most'].map(limitIn) : [];
    const page = await log.readBefore(threadId, before, Math.min(MAX_PAGE, limit), maxBytes);
    const { position, first, hasOlder } = page;
    const { l, body } = pageOf(page.entries, time);
    const place = { e: position.epoch, p: position.offset, pid: position.id, first, older: hasOlder };
    return { head: { ...place, l, now: time.now() }, body };
  },
  async position({ log }, _by, _frame, threadId) {
    const { epoch, offset, id } = await log.position(threadId);
    return { head: { e: epoch, o: offset, id } };
  },
  note({ log, known }, by, { body }, threadId) {
    const message = body.toString();
    known(threadId)?.note(message, by);
    log.notify?.(threadId, message);
    return DONE;
  },
  async erase({ log }, _by, _frame, threadId) {
    if (log.erase === undefined) throw new Error('the log of the relay cannot erase');
    await log.erase(threadId);
    return DONE;
  },
  alive({ nodes }, { node }) {
    nodes.heard(node);
    return DONE;
  },
  async farewell({ nodes }, { node }) {
    await nodes.end(node);
    return DONE;
  },
  in({ nodes }, { node }, { head }, threadId) {
    const { m } = head;
    for (const member of Array.isArray(m) ? m : []) nodes.add(node, threadId, textIn(member));
    return DONE;
  },
  out({ nodes }, { node }, { head }, threadId) {
    const { m } = head;
    for (const member of Array.isArray(m) ? m : []) nodes.remove(node, threadId, textIn(member));
    return DONE;
  },
  async list({ nodes }, _by, _frame, threadId) {
    return { head: { l: await nodes.list(threadId) } };
  },
  count({ nodes }, { node }, { head }, threadId) {
    nodes.count(node, threadId, countIn(head['n']));
    return DONE;
  },
  async elsewhere({ nodes }, { node }, _frame, threadId) {
    return { head: { n: await nodes.elsewhere(node, threadId) } };
  },
  async claim({ log, nodes }, { node }, { head }, threadId) {
    const key = textIn(head['key']);
    if (log.answers === undefined) throw new LogUnsupportedError('answers');
    const claim = await log.answers.claim(threadId, key);
    if (claim.is === 'answered') {
      nodes.unclaimed(threadId, key);
      return { head: { is: claim.is }, body: [Buffer.from(claim.answer)] };
    }
    if (claim.is === 'pending' || nodes.isClaimedElsewhere(node, threadId, key)) return { head: { is: 'pending' } };
    nodes.claimed(node, threadId, key);
    return { head: { is: 'claimed' } };
  },
  async answer({ log, nodes }, _by, { head, body }, threadId) {
    const key = textIn(head['key']);
    await log.answers?.answer(threadId, key, body.toString());
    nodes.unclaimed(threadId, key);
    return DONE;
  },
  async release({ log, nodes }, { node }, { head }, threadId) {
    const key = textIn(head['key']);
    if (nodes.isClaimedElsewhere(node, threadId, key)) return DONE;
    nodes.unclaimed(threadId, key);
    await log.answers?.release(threadId, key);
    return DONE;
  },
  async set({ log, nodes }, { node }, { head }, threadId) {
    const { draft, limits } = head;
    if (log.values === undefined) throw new LogUnsupportedError('values');
    if (!isObject(draft) || !isObject(limits)) throw new Error('no value');
    const { key, json, owner, ttlMs } = draft;
    const value: ValueDraft = {
      key: textIn(key),
      json: textIn(json),
      owner: typeof owner === 'string' ? `${node.id}/${owner}` : undefined,
      ttlMs: typeof ttlMs === 'number' ? ttlMs : undefined,
    };
    const most = { maxKeys: countIn(limits['maxKeys']), maxBytes: countIn(limits['maxBytes']) };
    await log.values.set(threadId, value, most);
    nodes.valued(threadId, value.key);
    if (value.owner !== undefined) node.values.note(threadId, { ...value, owner: value.owner }, most);
    return DONE;
  },
  async del({ log, nodes }, _by, { head }, threadId) {
    const key = textIn(head['key']);
    const was = (await log.values?.delete(threadId, key)) === true;
    nodes.valued(threadId, key);
    return { head: { was } };
  },
  async vals({ log }, _by, { head }, threadId) {
    const { key } = head;
    return { head: { l: await log.values?.read(threadId, typeof key === 'string' ? key : undefined) } };
  },
  end(_desk, { node }, { head }, threadId) {
    node.values.end(threadId, `${node.id}/${textIn(head['owner'])}`);
    return DONE;
  },
  /** The node's hub looks for what is to be trimmed. */
  sweep({ sweep }) {
    sweep();
    return DONE;
  },
};
