import { expect, it, onTestFinished } from 'vitest';
import { createHub, type AcceptOptions, type Connection, type Hub } from '../../src/index.ts';
import { FakeLink } from '../../src/testing/index.ts';
import { framesOf } from '../support/harness.ts';
import { startLog, startRedis, until } from '../support/redis-nodes.ts';

const MINE = 'a-client-of-one-page-0001';

async function join(
  hub: Hub,
  options: AcceptOptions = {},
  from?: string,
): Promise<{ link: FakeLink; connection: Connection }> {
  const link = new FakeLink();
  const connection = hub.accept(link.attach, options);
  await connection.join('t', { from });
  return { link, connection };
}

const dataOf = (link: FakeLink): unknown[] => framesOf(link, 'msg').map(({ d }) => d);

it('who is excepted skips the message on every node, live, volatile, in its newest version, and after a resume there', async () => {
  const { url } = await startRedis();
  const startHub = (): Hub => {
    const hub = createHub({ log: startLog({ url }) });
    hub.on('error', (error) => expect.fail(String(error)));
    onTestFinished(() => hub.close());
    return hub;
  };
  const [here, there] = [startHub(), startHub()];
  const [mine, ofUser, other] = [
    await join(here, { clientId: MINE }),
    await join(there, { userId: 'u' }),
    await join(there, {}),
  ];
  const position = await here.thread('t').position();
  const { id } = await here.thread('t').send('not for me', { except: mine.connection.id });
  await here.thread('t').send('edited', { replaces: id });
  await there.thread('t').send('not for u', { except: { userId: 'u' } });
  await here.thread('t').send('fleeting', { except: { userId: 'u' }, lane: 'volatile' });
  await there.thread('t').send('for all');
  for (const { link } of [mine, ofUser, other]) await until(() => dataOf(link).includes('for all'));
  await until(() => dataOf(other.link).includes('fleeting'));
  const logged = ({ link }: { link: FakeLink }): unknown[] => dataOf(link).filter((data) => data !== 'fleeting');
  expect(logged(mine)).toEqual(['not for u', 'for all']);
  expect(dataOf(ofUser.link)).toEqual(['not for me', 'edited', 'for all']);
  expect(logged(other)).toEqual(['not for me', 'edited', 'not for u', 'for all']);
  const fresh = startHub();
  const again = await join(fresh, { clientId: MINE }, position);
  const stranger = await join(fresh, { userId: 'u' }, position);
  for (const { link } of [again, stranger]) await until(() => dataOf(link).includes('for all'));
  expect(dataOf(again.link)).toEqual(['not for u', 'for all']);
  expect(dataOf(stranger.link)).toEqual(['edited', 'for all']);
});
