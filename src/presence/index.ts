export { isOwnPresence } from './keys.ts';
export type { ClientEnd, ServerEnd } from './keys.ts';
export { presence } from './presence.ts';
export type { Presence, PresenceOptions, ServerPresence } from './presence.ts';
export { receipts } from './receipts.ts';
export type { Receipts, ServerReceipts } from './receipts.ts';
export { typing } from './typing.ts';
export type { Typing } from './typing.ts';
