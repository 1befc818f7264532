import { createInterface } from 'node:readline';
import { io } from 'socket.io-client';

const socket = io(`http://127.0.0.1:${process.env['PORT'] ?? 3000}`, { auth: { user: process.argv[2] } });
socket.on('chat', ({ user, text }: { user: string; text: string }) => console.log(`${user}: ${text}`));
socket.on('connect', async () => {
  // after a reconnect it has to join again, and does not get what it has missed
  if (await socket.emitWithAck('join', 'lobby')) console.log('joined');
});
for await (const line of createInterface({ input: process.stdin })) {
  if (!(await socket.emitWithAck('chat', 'lobby', line))) console.log('refused');
}
