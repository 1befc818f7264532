import { expect, it } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { run } from './program.ts';

it.each(['before', 'after'])(
  'the chat of the migration, %s: two people talk, and a stranger is refused',
  async (side) => {
    const env = { PORT: String(await freePort()) };
    const server = run('migration', `${side}/server.ts`, env);
    await server.says(/listening/);
    const ada = run('migration', `${side}/client.ts`, env, 'ada');
    const grace = run('migration', `${side}/client.ts`, env, 'grace');
    await Promise.all([ada.says(/joined/), grace.says(/joined/)]);
    ada.say('hello');
    await Promise.all([ada.says(/ada: hello/), grace.says(/ada: hello/)]);
    grace.say('welcome');
    await ada.says(/grace: welcome/);
    expect(ada.lines()).toEqual(['joined', 'ada: hello', 'grace: welcome']);
    const stranger = run('migration', `${side}/client.ts`, env, '');
    // whatever it does: nobody hears it
    stranger.say('let me in');
    ada.say('still here');
    await grace.says(/ada: still here/);
    expect(grace.lines().filter((line) => line.includes('let me in'))).toEqual([]);
    ada.signal('SIGKILL');
    grace.signal('SIGKILL');
    stranger.signal('SIGKILL');
    server.signal('SIGTERM');
    expect(await server.ended).toBe(0);
  },
);

it('one command starts both, and says how to join them', async () => {
  const port = await freePort();
  const both = run('migration', 'main.ts', { PORT: String(port) });
  await both.says(/node after\/client\.ts grace/);
  for (const [i, side] of ['before', 'after'].entries()) {
    const grace = run('migration', `${side}/client.ts`, { PORT: String(port + i) }, 'grace');
    await grace.says(/joined/);
    grace.say('hello');
    await both.says(new RegExp(`${side} ada: grace: hello`));
    grace.signal('SIGKILL');
  }
  both.signal('SIGTERM');
  expect(await both.ended).toBe(0);
});
