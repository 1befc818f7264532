export { createHub } from './actors/hub.ts';
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
} from './actors/api.ts';
export type { Listener } from './actors/listeners.ts';
export type { CompressionOptions, HubOptions, Inspector, SerializerOptions } from './actors/options.ts';
export { SUBPROTOCOL } from './actors/protocol.ts';
export type { Receipt } from './actors/receipt.ts';
export type { SendOptions } from './actors/send-options.ts';
export type { Outcome, SettleOptions, Settlement } from './actors/settlement.ts';
export type { Canceller, StreamLimits, StreamOptions, TokenStream } from './actors/stream-options.ts';
export type { Body } from './infra/body.ts';
export type { Clock, TimerHandle } from './infra/clock.ts';
export { closeCodes } from './infra/close-codes.ts';
export type { CloseCode, Reconnect } from './infra/close-codes.ts';
export type { Appended, DeliveryLog, LogReset, LogSubscription, LogTail, MaybePromise } from './infra/delivery-log.ts';
export type { Entry, EntryDraft, Format, Lane } from './infra/entry.ts';
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
export type { Piece } from './infra/frames.ts';
export type { Position } from './infra/ids.ts';
export type { Link, LinkListener } from './infra/link.ts';
export { memoryLog } from './infra/memory-log.ts';
export type { MemoryLogOptions } from './infra/memory-log.ts';
export { preencoded } from './infra/preencoded.ts';
export { refuse } from './infra/refusal.ts';
export type { Refusal, RefusalStatus, UpgradeServer } from './infra/refusal.ts';
export { streamArray, streamObject } from './infra/slicer/streamed.ts';
export type {
  ElementSource,
  MemberSource,
  StreamedArray,
  StreamedMember,
  StreamedObject,
} from './infra/slicer/streamed.ts';
export { wsLink } from './infra/ws-link.ts';
export type { ServerWebSocket } from './infra/ws-link.ts';
export { inWorker } from './infra/workers/recipe.ts';
