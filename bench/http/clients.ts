/** Clients that throw away what they get: `clients.ts <kind> <port> <count>`, on loopback. */
import { connect } from 'node:net';

const [, , kind, port = '0', count = '0'] = process.argv;
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n';
const request =
  kind === 'websocket'
    ? `GET /?thread=t HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`
    : 'GET /t/events HTTP/1.1\r\nHost: x\r\n\r\n';
for (let i = 0; i < Number(count); i++) {
  const socket = connect(Number(port), '127.0.0.1', () => socket.write(request));
  socket.on('error', () => {});
  socket.resume();
}
process.on('disconnect', () => process.exit());
