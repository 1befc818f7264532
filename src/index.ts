export { createHub } from './actors/hub/hub.ts';
export type {
  AcceptedSocket,
  AcceptOptions,
  AttachOptions,
  ClientMessage,
  Connection,
  ConnectionEvents,
  ConnectionState,
  ConnectionStats,
  HistoryMessage,
  HistoryOptions,
  Hub,
  HubEvents,
  HubStats,
  JoinOptions,
  PublishAnswer,
  PublishedMessage,
  Session,
  Thread,
  ThreadStats,
  Transition,
  User,
} from './api/hub.ts';
export type { Listener } from './actors/support/emitter.ts';
export type { CompressionOptions, HubOptions, Inspector, SerializerOptions } from './actors/hub/resolve-options.ts';
export { SUBPROTOCOL } from './actors/connection/wire-protocol.ts';
export type { Receipt } from './actors/thread/receipt.ts';
export type { SendOptions } from './actors/thread/resolve-send-options.ts';
export type { Outcome, SettleOptions, Settlement } from './actors/thread/delivery-outcomes.ts';
export type { Canceller, StreamLimits, StreamOptions, TokenStream } from './actors/streams/resolve-stream-options.ts';
export type { Body } from './infra/log/shared-body.ts';
export type { Clock, TimerHandle } from './infra/time/clock.ts';
export { closeCodes } from './infra/wire/close-codes.ts';
export type { CloseCode, Reconnect } from './infra/wire/close-codes.ts';
export type {
  Appended,
  DeliveryLog,
  LogReset,
  LogSubscription,
  LogTail,
  MaybePromise,
} from './infra/log/delivery-log.ts';
export type { Entry, EntryDraft, Format, Lane } from './infra/log/entry.ts';
export {
  AnswerTimeoutError,
  AuthenticationTimeoutError,
  ConnectionClosedError,
  HubClosedError,
  InvalidOptionError,
  InvalidPositionError,
  InvalidThreadIdError,
  LogUnavailableError,
  MessageChangedError,
  MessageTooLargeError,
  SerializationTimeoutError,
  SerializerQueueFullError,
  StreamAbortedError,
  StreamEndedError,
  StreamExistsError,
  StreamTooLongError,
  ThreadcastError,
  ThreadClosedError,
  TooManyConnectionsError,
  TooManyStreamsError,
  UnserializableMessageError,
  UnsupportedSocketError,
  UpgradeTakenError,
  WorkerFailedError,
} from './infra/errors.ts';
export type { Piece } from './infra/wire/frames.ts';
export type { Position } from './infra/log/ids.ts';
export type { Link, LinkListener } from './infra/socket/link.ts';
export { memoryLog } from './infra/log/memory-log.ts';
export type { MemoryLogOptions } from './infra/log/memory-log.ts';
export { preencoded } from './infra/serialization/preencoded.ts';
export { refuse } from './infra/socket/refusal.ts';
export type { Refusal, RefusalStatus, UpgradeServer } from './infra/socket/refusal.ts';
export { streamArray, streamObject } from './infra/serialization/slicer/streamed.ts';
export type {
  ElementSource,
  MemberSource,
  StreamedArray,
  StreamedMember,
  StreamedObject,
} from './infra/serialization/slicer/streamed.ts';
export { wsLink } from './infra/socket/ws-link.ts';
export type { ServerWebSocket } from './infra/socket/ws-link.ts';
export { inWorker } from './infra/serialization/workers/recipe.ts';
