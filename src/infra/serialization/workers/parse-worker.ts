import { Worker } from 'node:worker_threads';

/** As text, so that a bundle needs no file for it. */
const CODE = `
const { parentPort, workerData } = require('node:worker_threads');
parentPort.postMessage(JSON.parse(Buffer.from(workerData.buffer, workerData.byteOffset, workerData.length).toString()));
`;

/** The parse before this one. One at a time: each has a thread and twice the message's memory. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Parses JSON in a thread of its own, which takes some 30 ms to start: for messages of megabytes.
 * @throws SyntaxError, or what Node reports where it can start no thread
 */
export function parseInWorker(json: Uint8Array): Promise<never> {
  const parsed = last.then(() => parse(json));
  last = parsed.catch(() => {});
  return parsed;
}

function parse(json: Uint8Array): Promise<never> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(CODE, { eval: true, workerData: json });
    worker.once('message', resolve).once('error', reject);
    worker.once('exit', () => reject(new Error('the thread ended without an answer')));
  });
}
