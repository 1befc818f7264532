/** The clients of the loop over `ws`, away from its event loop: as many of each kind as the demo's crowd has. */
import { WebSocket } from 'ws';
import { throttle } from '../crowd/pace.ts';
import { SLOW_BYTES_PER_SECOND } from '../crowd/slow.ts';
import { parseFlags } from '../flags.ts';

const [url = '', ...args] = process.argv.slice(2);
const { healthy, slow, stopped } = parseFlags(args);
const open = (): WebSocket => {
  const socket = new WebSocket(url, {
    maxPayload: 256 * 1024 * 1024,
    perMessageDeflate: false,
    skipUTF8Validation: true,
  });
  socket.on('error', () => {});
  return socket;
};
const stopping = Array.from({ length: stopped }, open);
Array.from({ length: healthy }, open);
for (let i = 0; i < slow; i++) throttle(open(), SLOW_BYTES_PER_SECOND);
process.on('message', () => {
  for (const socket of stopping) socket.pause();
});
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {});
