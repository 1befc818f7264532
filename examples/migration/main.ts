/** Both chats side by side: `npm run example:migration`. Two servers, ada in each of them, and what to type as grace. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const FIRST_PORT = Number(process.env['PORT'] ?? 3000);
const folder = fileURLToPath(new URL('.', import.meta.url));
const children: ChildProcess[] = [];

/** Starts a program, and prints its lines under a name. Resolves with its first line. */
function start(name: string, file: string, port: number, ...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(`${name}: ${line}`);
      resolve();
    });
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
  });
}

function stop(): void {
  for (const child of children) child.kill();
  process.exit(0);
}
process.once('SIGINT', stop);
process.once('SIGTERM', stop);

const sides = ['before', 'after'].map((side, i) => ({ side, port: FIRST_PORT + i }));
for (const { side, port } of sides) {
  await start(`${side} server`, `${side}/server.ts`, port);
  await start(`${side} ada`, `${side}/client.ts`, port, 'ada');
}
console.log('\nIn other terminals, talk to ada as grace (cd examples/migration):');
for (const { side, port } of sides) console.log(`  PORT=${port} node ${side}/client.ts grace`);
