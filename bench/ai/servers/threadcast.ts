import { createServer } from 'node:http';
import { serveChat } from '../../../src/ai/index.ts';
import { createHub } from '../../../src/index.ts';
import { Model, serve } from '../work.ts';

const hub = createHub();
hub.on('error', (error) => console.error(error));
const server = createServer();
const model = new Model();
serveChat(hub, server, { authorize: () => true, run: () => model });
await serve(server, model);
