import { connect } from 'threadcast/client';
import { presence, typing } from 'threadcast/presence';
import { values } from 'threadcast/values';

const ROOM = 'room:lobby';
const PAGE_SIZE = 20;
const byId = (id) => document.getElementById(id);

const me = new URL(location.href).searchParams.get('user') ?? `guest-${Math.random().toString(36).slice(2, 6)}`;
const client = connect(`${location.origin.replace('http', 'ws')}/chat?user=${encodeURIComponent(me)}`, { values });
const room = client.join(ROOM);

// messages: each once and in order, also after a reconnect
room.on('message', (message) => {
  const scroll = byId('scroll');
  const isAtEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
  byId('messages').append(itemOf(message));
  if (isAtEnd) scroll.scrollTop = scroll.scrollHeight;
});
room.on('removed', ({ id }) => byId(`message-${id}`)?.remove());
room.on('gap', async () => {
  // the log does not reach back to where this page was: begin anew
  byId('messages').replaceChildren();
  await loadOlder();
});

// history: a page at a time, up to the first live message
async function loadOlder() {
  const { messages, hasOlder } = await room.loadOlder({ limit: PAGE_SIZE });
  byId('messages').prepend(...messages.map(itemOf));
  byId('older').hidden = !hasOlder;
}
byId('older').addEventListener('click', loadOlder);
await loadOlder();
byId('scroll').scrollTop = byId('scroll').scrollHeight;

// presence: one entry a user, over all tabs and nodes
const here = presence(room);
here.on('change', ({ count }) => {
  byId('here').textContent = here.users ? [...here.users.keys()].sort().join(', ') : `${count} people`;
});
await here.enter(me);

// typing: at most one request in two seconds
const writers = typing(room);
writers.on('change', (users) => {
  const others = [...users].filter((user) => user !== me);
  byId('typing').textContent = others.length === 0 ? '' : `${others.join(', ')} …`;
});
byId('text').addEventListener('input', () => writers.typed(me));

byId('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = byId('text').value;
  byId('text').value = '';
  await writers.stopped(me);
  try {
    await client.publish(ROOM, text);
  } catch {
    byId('text').value ||= text; // refused, or no answer for a minute: let the user try again
  }
});

function itemOf({ id, data }) {
  const item = document.createElement('li');
  item.id = `message-${id}`;
  const user = document.createElement('b');
  user.textContent = data.user;
  item.append(user, data.text);
  return item;
}
