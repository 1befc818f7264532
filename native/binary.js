'use strict';

// Where the binary is: built on this machine, or built for this platform by whoever has published the package.
const fs = require('node:fs');
const path = require('node:path');

const builtPath = () => path.join(__dirname, 'build', 'threadcast.node');

const prebuiltPath = () => path.join(__dirname, 'prebuilds', `${process.platform}-${process.arch}`, 'threadcast.node');

/**
 * The first that can be loaded; `THREADCAST_NATIVE_BINARY` (a file) goes before, for tests and debugging.
 * @throws Error that says why there is none
 */
function loadBinary() {
  const { THREADCAST_NATIVE_BINARY: chosen } = process.env;
  if (chosen !== undefined && chosen !== '') return require(path.resolve(chosen));
  const here = [builtPath(), prebuiltPath()].filter((file) => fs.existsSync(file));
  const platform = `${process.platform}-${process.arch}`;
  const cure = `with a C compiler, run "node ${path.join(__dirname, 'build.js')}"`;
  let why = `threadcast-native has no binary for ${platform}: ${cure}`;
  for (const file of here) {
    try {
      return require(file);
    } catch (error) {
      why = `threadcast-native cannot load its binary on ${platform} (${error.message}): ${cure}`;
    }
  }
  throw new Error(why);
}

module.exports = { builtPath, prebuiltPath, loadBinary };
