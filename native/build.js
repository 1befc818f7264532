'use strict';

// Builds the addon with the system's C compiler: no node-gyp, and no headers but those in `include`.
// node build.js [--prebuild] [--if-stale] [--out file] [--faults] [--sabotage no-duplicates|early-landing] [--sanitize address|thread]
//               [--core-test]
// --prebuild: into `prebuilds`, as it is published. --if-stale: nothing to do where the binary is newer than its sources.
// --faults, --sabotage: for the tests of the repository. --core-test: the test program of the core, without Node, at --out.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { builtPath, prebuiltPath } = require('./binary.js');

const COMPILE_TIMEOUT_MS = 120_000;

const SABOTAGES = { 'no-duplicates': '-DTC_SABOTAGE_NO_DUPLICATES', 'early-landing': '-DTC_SABOTAGE_EARLY_LANDING' };

/**
 * @param {{ out: string, faults?: boolean, sabotage?: keyof typeof SABOTAGES, sanitize?: string, coreTest?: boolean }} options
 * @throws Error with what the compiler said
 */
function build({ out, faults = false, sabotage, sanitize, coreTest = false }) {
  if (process.platform === 'win32') throw new Error('threadcast-native needs POSIX sockets: not for Windows');
  const sources = coreTest ? ['core.c', 'test/core-test.c'] : ['core.c', 'addon.c'];
  const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-pthread', '-I', path.join(__dirname, 'include')];
  if (!coreTest) flags.push('-fPIC', '-fvisibility=hidden');
  if (!coreTest)
    flags.push(...(process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']));
  if (faults) flags.push('-DTC_FAULTS');
  if (sabotage !== undefined) flags.push(SABOTAGES[sabotage]);
  if (sanitize !== undefined) flags.push(`-fsanitize=${sanitize}`, '-g', '-fno-omit-frame-pointer');
  fs.mkdirSync(path.dirname(out), { recursive: true });
  // renamed into its place: another process may have the old one loaded
  const draft = `${out}.${process.pid}`;
  const files = sources.map((file) => path.join(__dirname, file));
  const compiler = process.env.CC || 'cc';
  const { status, error, stderr } = spawnSync(compiler, [...flags, '-o', draft, ...files], {
    encoding: 'utf8',
    timeout: COMPILE_TIMEOUT_MS,
  });
  if (error !== undefined) throw new Error(`no C compiler: ${compiler}: ${error.message}`);
  if (status !== 0) throw new Error(`${compiler} failed:\n${stderr}`);
  fs.renameSync(draft, out);
}

function isStale(file) {
  const sources = ['core.c', 'core.h', 'addon.c', 'build.js'].map((name) => path.join(__dirname, name));
  const mtime = (name) => fs.statSync(name).mtimeMs;
  return !fs.existsSync(file) || sources.some((name) => mtime(name) > mtime(file));
}

function main() {
  const { values } = parseArgs({
    options: {
      prebuild: { type: 'boolean', default: false },
      'if-stale': { type: 'boolean', default: false },
      out: { type: 'string' },
      faults: { type: 'boolean', default: false },
      sabotage: { type: 'string' },
      sanitize: { type: 'string' },
      'core-test': { type: 'boolean', default: false },
    },
  });
  const { faults, sabotage, sanitize, 'core-test': coreTest } = values;
  if (sabotage !== undefined && !Object.hasOwn(SABOTAGES, sabotage)) throw new Error(`no such sabotage: ${sabotage}`);
  const out = path.resolve(values.out ?? (values.prebuild ? prebuiltPath() : builtPath()));
  if (values['if-stale'] && !isStale(out)) return;
  build({ out, faults, sabotage, sanitize, coreTest });
  process.stdout.write(`built ${path.relative(process.cwd(), out)}\n`);
}

module.exports = { build };

if (require.main === module) {
  try {
    main();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
