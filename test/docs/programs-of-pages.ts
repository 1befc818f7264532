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
};
