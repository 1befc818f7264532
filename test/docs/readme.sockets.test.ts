import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterAll, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { slugOf } from '../../site/slug.ts';

vi.stubEnv('PORT', '0');
// the built package, as its users import it
const { hub, server } = await import('../../examples/embed.ts');
vi.unstubAllEnvs();

afterAll(async () => {
  await hub.close();
  server.close();
});

it('the example of the README is the one that is compiled and run', async () => {
  const [readme, example] = await Promise.all(['README.md', 'examples/embed.ts'].map((file) => readFile(file, 'utf8')));
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);
});

it('the README fits on one screen, its commands are scripts, and its links and figures are there', async () => {
  const readme = await readFile('README.md', 'utf8');
  expect(readme.split('\n').length).toBeLessThan(75);
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
  const commands = [...readme.matchAll(/^npm ci && npm (\S+)/gm)].map(([, command = '']) => command);
  expect(commands).toEqual(['start', 'test']);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(commands));
  const links = [...readme.matchAll(/\]\(([^)#]+)(?:#([^)]+))?\)/g)];
  expect(links.length).toBeGreaterThan(15);
  const texts = await Promise.all(links.map(([, file = '']) => readFile(file, 'utf8')));
  const lost = links.filter(([, , anchor], i) => anchor !== undefined && !slugsOf(texts[i] ?? '').includes(anchor));
  expect(lost.map(([link]) => link)).toEqual([]);
});

/** The anchors of a page's headings. */
const slugsOf = (page: string): readonly string[] =>
  [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slugOf(heading));

it('the example of the README delivers, also after a reconnect, without a warning on the console', async () => {
  // as XState's development build, which vitest and vite take, may say one
  const warn = vi.spyOn(console, 'warn');
  if (!server.listening) await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `ws://127.0.0.1:${address.port}`;
  const frames = (socket: WebSocket) => {
    const seen: { t: string; o?: number; id?: string; d?: unknown; pos?: string }[] = [];
    socket.on('message', (data: Buffer) => seen.push(JSON.parse(data.toString())));
    return seen;
  };
  const until = async (socket: WebSocket, isDone: () => boolean) => {
    while (!isDone()) await once(socket, 'message');
  };

  const ada = new WebSocket(`${url}/?user=ada&thread=lobby`);
  const seen = frames(ada);
  await until(ada, () => seen.some(({ t }) => t === 'joined'));
  ada.send(JSON.stringify({ t: 'pub', th: 'lobby', id: 'm1', d: 'hello' }));
  await until(ada, () => seen.some(({ t }) => t === 'msg'));
  const joined = seen.find(({ t }) => t === 'joined');
  const message = seen.find(({ t }) => t === 'msg');
  expect(message?.d).toEqual({ user: 'ada', data: 'hello' });
  ada.terminate();

  await hub.thread('lobby').send('while she was away');
  const epoch = joined?.pos?.split('.')[0];
  const again = new WebSocket(`${url}/?user=ada&thread=lobby&from=${epoch}.${message?.o}.${message?.id}`);
  const later = frames(again);
  await until(again, () => later.some(({ t }) => t === 'msg'));
  expect(later.filter(({ t }) => t === 'msg')).toMatchObject([{ o: 2, d: 'while she was away' }]);
  again.terminate();
  expect(warn).not.toHaveBeenCalled();
});
