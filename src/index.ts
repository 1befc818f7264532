export { createHub } from './actors/hub/hub.ts';
export type { Hub, HubState, HubStats, SerializerState, User } from './api/hub.ts';
export { healthHandler, type HealthHandler } from './actors/gateway/health-handler.ts';
export type { Health, HealthHandlerOptions, HealthReason } from './api/health.ts';
export { SUBPROTOCOL } from './actors/connection/wire-protocol.ts';
export type { Body } from './api/body.ts';
export { closeCodes } from './infra/wire/close-codes.ts';
export type { CloseCode, Reconnect } from './infra/wire/close-codes.ts';
export type {
  Appended,
  DeliveryLog,
  LogPage,
  LogReset,
  LogSubscription,
  LogTail,
  Position,
  Staged,
} from './api/log.ts';
export type { TailOptions, ThreadTail } from './api/log-tail.ts';
export type { AnswerClaim, LogAnswers } from './api/log-answers.ts';
export type { LogPresence } from './api/log-presence.ts';
export type { LogValue, LogValues, ValueChange, ValueDraft, ValueLimits, ValuesListener } from './api/log-values.ts';
export type {
  DeflatedEntryParts,
  DeliveryTally,
  Entry,
  EntryDraft,
  EntryKind,
  EntryParts,
  Frame,
  FrameClass,
  MessageTrace,
  SpanBudget,
} from './api/entry.ts';
export { makeEntry, releaseDraft } from './infra/log/entry.ts';
export { makeTail } from './infra/log/thread-tail.ts';
export { makeBody } from './infra/log/shared-body.ts';
export {
  AnswerTimeoutError,
  AnswerTooLargeError,
  AuthenticationTimeoutError,
  ConnectionClosedError,
  HubClosedError,
  InvalidAnswerError,
  InvalidMessageError,
  InvalidOptionError,
  InvalidPositionError,
  InvalidThreadIdError,
  LogEvictionError,
  MalformedEntryError,
  LogLayoutError,
  LogUnsupportedError,
  HistoryFailedError,
  PositionLostError,
  LogUnavailableError,
  MessageChangedError,
  MessageTooLargeError,
  SerializationTimeoutError,
  SerializerQueueFullError,
  SocketFailedError,
  StreamAbortedError,
  StreamEndedError,
  StreamExistsError,
  StreamLostError,
  StreamTooLongError,
  ThreadcastError,
  ThreadClosedError,
  TooManyConnectionsError,
  TooManyStreamsError,
  TooManyThreadsError,
  UnknownMessageError,
  UnserializableMessageError,
  UnsupportedServerError,
  UnsupportedSocketError,
  UpgradeTakenError,
  ValueLimitError,
  WorkerFailedError,
} from './infra/errors.ts';
export { memoryLog } from './infra/log/memory-log.ts';
export type { MemoryLogOptions } from './infra/log/memory-log.ts';
export type { RetentionRule, RetentionRules } from './infra/log/retention.ts';
export { preencoded } from './infra/serialization/preencoded.ts';
export { refuse } from './infra/socket/refuse.ts';
export { answer } from './api/answer.ts';
export type { Answer, AnswerReceipt } from './api/answer.ts';
export type { Refusal } from './api/refusal.ts';
export { streamArray, streamObject } from './infra/serialization/slicer/streamed.ts';
export type {
  ElementSource,
  MemberSource,
  StreamedArray,
  StreamedMember,
  StreamedObject,
} from './infra/serialization/slicer/streamed.ts';
export { wsLink } from './infra/socket/ws-link.ts';
export { inWorker } from './infra/serialization/workers/recipe.ts';
export type { AcceptedSocket, Link, LinkListener, Piece, ServerWebSocket } from './api/socket.ts';
export type {
  AcceptOptions,
  AnswerIn,
  ClientMessage,
  Connection,
  ConnectionEvents,
  ConnectionPath,
  ConnectionState,
  ConnectionStats,
  JoinOptions,
  LeaveOptions,
  PublishAnswer,
  PublishedIn,
  PublishedMessage,
} from './api/connection.ts';
export type { AttachOptions, UpgradeServer } from './api/attach.ts';
export type { Session } from './api/session.ts';
export type { RefusalStatus } from './api/refusal.ts';
export type {
  BigHistoryMessage,
  HistoryMessage,
  HistoryOptions,
  HistoryPage,
  HistoryRange,
  HistorySeam,
  HistorySource,
  LoadedHistory,
  LoadedMessage,
  SmallHistoryMessage,
} from './api/history.ts';
export type {
  AnyValueOf,
  ClientValue,
  ValueChangeIn,
  SetValueOptions,
  ThreadValues,
  ValueKey,
  ValueOf,
  ValueOptions,
} from './api/values.ts';
export type { MessageIssue, Thread, ThreadState, ThreadStats } from './api/thread.ts';
export type { Codec, ThreadDefinition, ThreadId, ThreadShape } from './api/definition.ts';
export type { SummaryOptions, SummaryRequest, ThreadSummary } from './api/summary.ts';
export type { GroupSendOptions, ThreadGroup } from './api/thread-group.ts';
export type {
  HubEvents,
  LeaveReason,
  MachineName,
  Membership,
  RefusedHandshake,
  RefusedReason,
  Transition,
  Undelivered,
} from './api/events.ts';
export type { Listener } from './api/listener.ts';
export type { CompressionOptions, HubOptions, Inspector, SerializerOptions, StreamLimits } from './api/options.ts';
export type { Outcome, PendingReceipt, Receipt, SettleOptions, Settlement, Strategy } from './api/receipt.ts';
export type {
  Format,
  Lane,
  MaybePromise,
  PreparedMessage,
  Sendable,
  SendOptions,
  Transaction,
  TransactionOptions,
} from './api/message.ts';
export type {
  Canceller,
  ChunkStream,
  ChunkStreamOptions,
  StreamFields,
  StreamInProgress,
  StreamOptions,
  StreamPart,
  TokenStream,
} from './api/stream.ts';
export type { Clock, TimerHandle } from './api/clock.ts';
