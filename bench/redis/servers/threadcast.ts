import { once } from 'node:events';
import { createServer } from 'node:http';
import { createHub } from '../../../src/index.ts';
import { redisLog } from '../../../src/redis/index.ts';
import { serve } from '../work.ts';

await serve(async (url) => {
  const hub = createHub({ log: redisLog({ url }) });
  hub.on('error', (error) => console.error(error));
  const server = createServer();
  hub.attach(server, { authorize: () => true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    publish: (thread, message) => hub.thread(thread).send(message),
  };
});
