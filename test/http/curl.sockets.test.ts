import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { verifyPublishToken } from '../../src/http/index.ts';
import type { Receipt } from '../../src/index.ts';
import { toolPath } from '../support/tool.ts';
import { serveHttp, type Served } from './fixtures/http-server.ts';

const [, script = ''] =
  /```sh\n(.*?)```/s.exec(readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8')) ?? [];

it('the curl example of the docs publishes, once however often it is repeated', async () => {
  ['curl', 'openssl', 'bash'].forEach(toolPath);
  const SECRET = 'a secret of at least thirty-two bytes';
  const served: Served = await serveHttp(
    {
      authenticate: verifyPublishToken({ secret: SECRET }),
      onPublish: ({ userId }, { threadId, id, data }): Promise<Receipt> =>
        served.hub.thread(threadId).send({ from: userId, data }, { idempotencyKey: id }),
    },
    {},
    undefined,
    {},
  );
  const env = { ...process.env, SECRET, URL: served.url };
  const run = async (): Promise<unknown> => {
    const { stdout } = await promisify(execFile)('bash', ['-ec', script], { env });
    return JSON.parse(stdout);
  };
  const first = await run();
  expect(first).toMatchObject({ id: expect.stringContaining('report-17'), position: expect.any(String) });
  expect(await run()).toEqual(first);
  const { messages } = await served.hub.thread('room:42').history();
  expect(messages.map(({ data }) => data)).toEqual([{ from: 'cron', data: { text: 'The report is ready' } }]);
});
