import { createInterface } from 'node:readline';
import { connect } from 'threadcast/client';

const client = connect(`ws://127.0.0.1:${process.env['PORT'] ?? 3000}`, { token: process.argv[2] });
const lobby = client.join('lobby');
lobby.on('joined', () => console.log('joined'));
lobby.on('message', ({ data }) => {
  const { user, text } = data as { user: string; text: string }; // or with a definition: docs/typed-threads.md
  console.log(`${user}: ${text}`);
});
for await (const line of createInterface({ input: process.stdin })) {
  await client.publish('lobby', line).catch(() => console.log('refused'));
}
