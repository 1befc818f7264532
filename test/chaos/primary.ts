import { createServer } from 'node:http';
import { memoryLog } from '../../src/index.ts';
import { attachRelay } from '../../src/pool/index.ts';

// The process with the log, which the tests stop and kill.

const { PORT = '0', RELAY_TOKEN } = process.env;
const server = createServer();
attachRelay(server, {
  log: memoryLog({ maxEntries: 1_000_000 }),
  authenticate: (_request, { token }) => token === RELAY_TOKEN,
});
server.listen(Number(PORT), '127.0.0.1', () => process.send?.('ready'));
// the test that started it has ended, in whichever way
process.once('disconnect', () => process.exit(1));
