// its own runner, not the project's
export default { test: { include: ['conformance.test.js'], testTimeout: 60_000 } };
