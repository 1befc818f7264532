'use strict';

// Runs when the package is installed. Where nothing can be loaded and nothing can be built, the hub does without: never an error.
const { build } = require('./build.js');
const { builtPath, loadBinary } = require('./binary.js');

try {
  loadBinary();
} catch {
  try {
    build({ out: builtPath() });
    loadBinary();
  } catch (error) {
    const [reason] = error.message.split('\n');
    process.stdout.write(`threadcast-native was not built (${reason}): hubs send from the event loop.\n`);
  }
}
