export { httpHandler, type HttpHandler } from './handler.ts';
export type { HttpHandlerOptions, HttpSession } from './options.ts';
export type { HttpRequest } from './exchange.ts';
export { verifyPublishToken, type PublishTokenOptions, type PublishTokenSession } from './publish-token.ts';
