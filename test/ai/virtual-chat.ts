import { createServer } from 'node:http';
import type { UIMessage } from 'ai';
import { onTestFinished } from 'vitest';
import { serveChat, type ChatServer, type ServeChatOptions } from '../../src/ai/index.ts';
import type { HubOptions } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf, makeHarness, type Harness } from '../support/harness.ts';

/** A chat server on virtual time, with one client of ours. */
export interface VirtualChat extends Harness {
  readonly chat: ChatServer;
  readonly link: FakeLink;
  /** Asks for a turn, and settles. */
  ask(id: string, more?: object): Promise<void>;
  /** Types of the chunks that the client has been sent. */
  readonly types: readonly string[];
  /** Codes of refusals, by the ids of the requests. */
  readonly refusals: Readonly<Record<string, unknown>>;
  readonly answers: Readonly<Record<string, unknown>>;
}

export async function startVirtualChat(
  options: ServeChatOptions<UIMessage>,
  hubOptions: HubOptions = {},
): Promise<VirtualChat> {
  const harness = makeHarness(hubOptions);
  const chat = serveChat(harness.hub, createServer(), { authorize: () => true, ...options });
  const link = new FakeLink();
  harness.hub.accept(link.attach, {
    authorize: () => true,
    onPublish: (message) => chat.onPublish({ userId: 'u' }, message) ?? false,
  });
  link.say({ t: 'join', th: 'chat:c', codecs: ['ui-message'], late: true });
  await harness.clock.settle();
  onTestFinished(async () => {
    const closed = harness.hub.close();
    await harness.clock.advance(10_000);
    await closed;
  });
  return {
    ...harness,
    chat,
    link,
    async ask(id, more = {}) {
      const message = { id: `u-${id}`, role: 'user', parts: [{ type: 'text', text: 'hello' }] };
      link.say({
        t: 'pub',
        th: 'chat:c',
        id,
        d: { type: 'send', id: 'c', trigger: 'submit-message', message },
        ...more,
      });
      await harness.clock.settle();
    },
    get types() {
      const all: unknown[] = framesOf(link, 'chunks').flatMap(({ d }) => (Array.isArray(d) ? d : []));
      return all.map((chunk) => String(Reflect.get(Object(chunk), 'type')));
    },
    get refusals() {
      return Object.fromEntries(framesOf(link, 'err').map(({ id, code, status }) => [String(id), code ?? status]));
    },
    get answers() {
      return Object.fromEntries(framesOf(link, 'ok').map(({ id, d }) => [String(id), d]));
    },
  };
}
