import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { receiveMessageOnPort, MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { parseInSlices } from '../../../src/infra/serialization/json-slices.ts';

export type Parse = (data: Uint8Array) => Promise<unknown>;

export const inOneGo: Parse = async (data) => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));

/** What `serveChat` does. */
export const inSlices: Parse = async (data) => parseInSlices(data, nextTurn);

const CODE = `
const { workerData } = require('node:worker_threads');
workerData.on('message', ({ data, isWhole }) => {
  const value = JSON.parse(Buffer.from(data).toString());
  if (isWhole) return workerData.postMessage(value);
  const { messages, ...rest } = value;
  workerData.postMessage({ rest, count: messages.length });
  for (const message of messages) workerData.postMessage(message);
});
`;

/** A worker that has started: parses, and hands the value back as a structured clone, in one piece or message by message. */
export async function startWorker(): Promise<{ whole: Parse; inPieces: Parse; close: () => void }> {
  const { port1: port, port2 } = new MessageChannel();
  const worker = new Worker(CODE, { eval: true, workerData: port2, transferList: [port2] });
  await once(worker, 'online');
  const send = (data: Uint8Array, isWhole: boolean): void => {
    // frames of ws lie in a pool: they cannot be transferred without a copy
    const copy = Uint8Array.from(data).buffer;
    port.postMessage({ data: copy, isWhole }, [copy]);
  };
  return {
    whole: async (data) => {
      send(data, true);
      const [value]: unknown[] = await once(port, 'message');
      return value;
    },
    inPieces: async (data) => {
      send(data, false);
      return readPieces(port);
    },
    close: () => void worker.terminate(),
  };
}

/** Node reads up to a thousand messages of a port in one turn: these are read one by one, and turns come between. */
async function readPieces(port: MessagePort): Promise<unknown> {
  let head: { rest: object; count: number } | undefined;
  const messages: unknown[] = [];
  for (let until = performance.now() + 3; head === undefined || messages.length < head.count;) {
    const got = receiveMessageOnPort(port);
    if (got === undefined || performance.now() > until) {
      await nextTurn();
      until = performance.now() + 3;
    }
    if (got === undefined) continue;
    if (head === undefined) head = got.message;
    else messages.push(got.message);
  }
  return { ...head.rest, messages };
}
