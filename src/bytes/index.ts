export { connect } from '../client/bytes.ts';
export type { Client, ClientThread, Message } from '../client/api.ts';
export type { ConnectOptions } from '../client/options.ts';
