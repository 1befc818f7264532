/** Bun has its own `ws`, and sockets without descriptors. */
export const isBun = process.versions['bun'] !== undefined;
