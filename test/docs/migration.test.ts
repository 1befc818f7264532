import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Public names of Socket.IO 4.8, of its types: calls, attributes, events and options. */
const SOCKET_IO = {
  server: `attach listen of use emit send write to in except timeout compress volatile local fetchSockets allSockets socketsJoin socketsLeave
    disconnectSockets serverSideEmit serverSideEmitWithAck emitWithAck adapter path connectTimeout serveClient attachApp bind onconnection
    close engine sockets connection connect new_namespace clientsCount generateId headers initial_headers connection_error name`,
  socket: `id handshake request data rooms client conn nsp connected disconnected recovered join leave emit emitWithAck send write to in
    except broadcast volatile local compress timeout disconnect use on once removeListener removeAllListeners eventNames listeners
    listenerCount onAny prependAny offAny listenersAny onAnyOutgoing prependAnyOutgoing offAnyOutgoing listenersAnyOutgoing disconnecting`,
  client: `io id auth connected disconnected active recovered connect open disconnect close emit emitWithAck send timeout volatile compress on
    off once listeners onAny prependAny offAny listenersAny onAnyOutgoing prependAnyOutgoing offAnyOutgoing listenersAnyOutgoing sendBuffer
    receiveBuffer Manager socket engine connect_error error ping reconnect reconnect_attempt reconnect_error reconnect_failed`,
  options: `path adapter parser connectTimeout connectionStateRecovery cleanupEmptyChildNamespaces serveClient destroyUpgrade
    destroyUpgradeTimeout addTrailingSlash pingTimeout pingInterval upgradeTimeout maxHttpBufferSize allowRequest transports allowUpgrades
    perMessageDeflate httpCompression wsEngine cookie cors allowEIO3 retries ackTimeout forceNew multiplex reconnection reconnectionAttempts
    reconnectionDelay reconnectionDelayMax randomizationFactor autoConnect host port secure query upgrade timestampParam timestampRequests
    tryAllTransports rememberUpgrade requestTimeout transportOptions extraHeaders withCredentials closeOnBeforeunload useNativeTimers
    autoUnref protocols forceBase64`,
};

it.each(Object.entries(SOCKET_IO))('the migration table has every public name of Socket.IO: %s', (_, names) => {
  const page = readFileSync('docs/migration.md', 'utf8');
  const begin = page.indexOf('### The server: `io`');
  const table = page.slice(begin, page.indexOf('## From Server-Sent Events'));
  // the left cells alone: what is on our side has names of its own
  const left = [...table.matchAll(/^\| (.*?) \|/gm)].map(([, cell]) => cell).join(' ');
  const missing = names.split(/\s+/).filter((name) => !new RegExp(`\\b${name}\\b`).test(left));
  expect(missing).toEqual([]);
});
