import { blocksOf } from '../support/doc-blocks.ts';

/** A program: blocks of a page as they stand, with what their reader has before them, and what a reader would do then after them. */
export interface PageProgram {
  /** Its files, by name. `HERE` stands for the folder, `PORT` for a free port. */
  readonly files: Readonly<Record<string, string>>;
  /** In this order, each once the one before has said `ready`. */
  readonly run: readonly string[];
  /** What the last one says, line by line. */
  readonly says: readonly string[];
}

/** The block of a page that has this text. */
function block(page: string, text: string, replace: Readonly<Record<string, string>> = {}): string {
  const found = blocksOf(page).find(({ code }) => code.includes(text));
  if (found === undefined) throw new Error(`${page} has no block with ${text}`);
  let { code } = found;
  for (const [from, to] of Object.entries(replace)) {
    if (!code.includes(from)) throw new Error(`the block of ${page} has no ${from}`);
    code = code.replaceAll(from, to);
  }
  return code;
}

/** A server of the reader, and what its callbacks ask. */
const SERVER = `
import { createServer } from 'node:http';
const server = createServer();
const userOf = ({ url = '/' }) => new URL(url, 'http://localhost').searchParams.get('user') ?? undefined;
const mayRead = () => true;
`;

const LISTEN = `
server.listen(PORT, '127.0.0.1', () => console.log('ready'));
`;

/** A page of the reader: elements and functions that show things. */
const PAGE = `
const told = [];
let submit, stroke;
const me = 'ada';
const input = { value: 'hello', addEventListener: (_, listener) => (stroke = listener) };
const form = { text: 'hello', addEventListener: (_, listener) => (submit = listener) };
const show = (data) => told.push(data);
const showOlder = (messages) => told.push(messages.length);
const showUsers = (users) => (showUsers.newest = [...users]);
const showTyping = () => {};
const until = async (isDone) => {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 20));
};
`;

const END = `
console.log(JSON.stringify(told));
process.exit(0);
`;

export const programs: Readonly<Record<string, PageProgram>> = {
  README: {
    files: {
      'server.ts': `${block('README.md', 'createServer')}\nserver.on('listening', () => console.log('ready'));`,
      'client.mjs': `${PAGE}${block('README.md', "client.join('lobby')", { 8080: 'PORT' })}await until(() => told.length > 0);${END}`,
    },
    run: ['server.ts', 'client.mjs'],
    says: ['[{"user":"ada","data":"hello"}]'],
  },
  chat: {
    files: {
      'room.ts': block('docs/chat.md', "defineThread('room:*'"),
      'server.mjs': `${SERVER}${block('docs/chat.md', 'createHub')}${LISTEN}`,
      'page.mjs': `${PAGE}${block('docs/chat.md', 'loadOlder', { "'wss://example.org/chat'": "'ws://127.0.0.1:PORT/chat?user=ada'" })}
stroke();
await submit({ preventDefault() {} });
await until(() => told.length === 2 && showUsers.newest?.length === 1);${END}`,
    },
    run: ['server.mjs', 'page.mjs'],
    says: ['[0,{"user":"ada","text":"hello"}]'],
  },
  'typed-threads': {
    files: {
      'threads.ts': block('docs/typed-threads.md', "'room:*'"),
      'server.mjs': `${SERVER}${block('docs/typed-threads.md', 'threads: [room] });')}${LISTEN}`,
      'client.mjs': `${PAGE}
const waiting = until(() => told.length === 2).then(() => {${END}});
${block('docs/typed-threads.md', 'for await (const { data }', { "'wss://example.org/'": "'ws://127.0.0.1:PORT/?user=ada'", "client.join(room('42'))": "client.join(room('42'), { from: 'start' })" })}`,
    },
    run: ['server.mjs', 'client.mjs'],
    says: ['["hi","hi"]'],
  },
  react: {
    files: {
      'server.mjs': block('docs/react.md', 'createHub', { '8080)': "PORT, '127.0.0.1', () => console.log('ready'))" }),
      'client.mjs': `${PAGE}
import { connect } from 'threadcast/client';
const client = connect('ws://127.0.0.1:PORT/?user=ada');
client.join('room:42', { from: 'start' }).on('message', ({ data }) => show(data));
await client.publish('room:42', { text: 'hello' });
await until(() => told.length > 0);${END}`,
    },
    run: ['server.mjs', 'client.mjs'],
    says: ['[{"text":"hello"}]'],
  },
  relay: {
    files: {
      'primary.mjs': block('docs/relay.md', 'attachRelay', {
        "'/run/chat.sock'": "'HERE/chat.sock', () => console.log('ready')",
      }),
      'worker.mjs': `${PAGE}${block('docs/relay.md', 'relayLog({ pool })', { '/run/chat.sock': 'HERE/chat.sock' })}
const { position } = await hub.thread('t').send('hello');
const { messages } = await hub.thread('t').history();
told.push(position.split('.')[1], messages[0].data);${END}`,
    },
    run: ['primary.mjs', 'worker.mjs'],
    says: ['["1","hello"]'],
  },
  auth: {
    files: {
      // what the page declares: a token says who it is; the user of the second one signs out
      'server.ts': `
Object.assign(globalThis, {
  isMember: async (userId, threadId) => userId === 'ada' && threadId === 'room:42',
  verifyJwt: async (token) => {
    if (token === 'ada-2') setTimeout(() => void hub.user('ada').close(4401, 'signed out'), 50);
    return token.startsWith('ada') ? { sub: 'ada', exp: Date.now() / 1_000 + 8 } : undefined;
  },
});
${block('docs/auth.md', 'reauthenticate: (_session, token)')}${LISTEN}`,
      'page.ts': `${PAGE}
const tokens = ['ada-1', 'ada-2'];
Object.assign(globalThis, {
  fetchToken: async () => tokens.shift() ?? 'of no user',
  location: { assign: (path) => told.push(path) },
});
${block('docs/auth.md', "client.on('signIn'", { 'wss://example.org/': 'ws://127.0.0.1:PORT/' })}
client.join('room:42').on('joined', () => told.push('joined'));
client.on('error', ({ code, threadId }) => told.push([code, threadId].join(' ')));
client.join('room:43');
await until(() => told.includes('/login'));
told.push(tokens.length);${END}`,
    },
    run: ['server.ts', 'page.ts'],
    says: ['["joined","TC_JOIN_REFUSED room:43","/login",0]'],
  },
  pool: {
    files: {
      'hub.mjs': `
import { createServer } from 'node:http';
import { createHub } from 'threadcast';
const server = createServer();
const hub = createHub();
hub.attach(server, {
  path: '/ws',
  authenticate: ({ url }) => ({ userId: new URL(url, 'http://localhost').searchParams.get('token') }),
  authorize: () => true,
  onPublish: (_, { threadId, id, data }) => hub.thread(threadId).send(data, { idempotencyKey: id }),
});
hub.on('join', ({ connection: { userId }, threadId }) => userId === 'secret' && void hub.thread(threadId).send('ping'));${LISTEN}`,
      'service.mjs': `${PAGE}
import { connect } from 'threadcast/client';
process.env.SERVICE_TOKEN = 'secret';
const reader = connect('ws://127.0.0.1:PORT/ws?token=reader');
reader.join('room:42', { from: 'start' }).on('message', ({ data }) => told.push(data));
const waiting = until(() => told.includes('pong')).then(() => {${END}});
${block('docs/pool.md', 'for await (const { id, data }', {
  'wss://hub-1.example.org/ws': 'ws://127.0.0.1:PORT/ws',
  'wss://hub-2.example.org/ws': 'ws://127.0.0.1:PORT/ws?second',
})}`,
    },
    run: ['hub.mjs', 'service.mjs'],
    says: ['["ping","pong"]'],
  },
  serializer: {
    files: {
      'report.js': `
const pool = { query: async (_, [month]) => [{ month, total: 7 }] };
const rowsOf = (rows) => rows;
${block('docs/serializer.md', 'async function report')}`,
      'server.mjs': `${PAGE}
import { createHub } from 'threadcast';
const hub = createHub();
const usersById = new Map([['ada', { name: 'Ada' }]]);
const cursor = (async function* () { yield 1; yield 2; })();
${block('docs/serializer.md', 'inWorker(new URL')}
${block('docs/serializer.md', 'streamObject(usersById)')}
for (const id of ['sales', 't']) told.push((await hub.thread(id).history()).messages[0].data);${END}`,
    },
    run: ['server.mjs'],
    says: ['[[{"month":"2026-01","total":7}],{"users":{"ada":{"name":"Ada"}},"rows":[1,2]}]'],
  },
  inspector: {
    files: {
      'server.mjs': `${PAGE}
import { once } from 'node:events';
import { createHub } from 'threadcast';
process.env.INSPECTOR_TOKEN = 'a-secret-of-the-operators';
const hub = createHub();
const app = (_, response) => response.end('the application');
// the address is another at each run
const console = { log: (text) => globalThis.console.log(text.replace(/:\\d+\\/#token=.*/, '')) };
const listening = Promise.withResolvers();
${block('docs/inspector.md', 'port: 9090 });\nconsole.log', { '9090': '0' })}
${block('docs/inspector.md', 'inspectorHandler(hub', { 'app(request, response));': "app(request, response)).listen(PORT, '127.0.0.1', listening.resolve);" })}
await listening.promise;
for (const address of [url, 'http://127.0.0.1:PORT/inspector/', 'http://127.0.0.1:PORT/']) {
  const response = await fetch(address);
  const text = await response.text();
  told.push(response.status, text === 'the application' || /<title>[^<]*/.exec(text)?.[0]);
}${END}`,
    },
    run: ['server.mjs'],
    says: ['http://127.0.0.1', '[200,"<title>threadcast inspector",200,"<title>threadcast inspector",200,true]'],
  },
};
