/** Every error of the library, grouped by subject. */
export { ThreadcastError, InvalidOptionError, asError } from './errors/base.ts';
export {
  UnserializableMessageError,
  InvalidMessageError,
  InvalidAnswerError,
  textOfIssues,
  MessageTooLargeError,
  MessageChangedError,
  SerializationTimeoutError,
  SerializerQueueFullError,
  WorkerFailedError,
} from './errors/send.ts';
export {
  HubClosedError,
  ThreadClosedError,
  InvalidThreadIdError,
  AuthenticationTimeoutError,
  UpgradeTakenError,
  UnsupportedServerError,
  AnswerTimeoutError,
  AnswerTooLargeError,
} from './errors/hub.ts';
export {
  ConnectionClosedError,
  UnsupportedSocketError,
  SocketFailedError,
  TooManyConnectionsError,
  TooManyThreadsError,
} from './errors/connection.ts';
export {
  StreamEndedError,
  StreamAbortedError,
  StreamTooLongError,
  StreamExistsError,
  StreamLostError,
  TooManyStreamsError,
} from './errors/stream.ts';
export {
  LogUnavailableError,
  LogLayoutError,
  LogUnsupportedError,
  LogEvictionError,
  MalformedEntryError,
  InvalidPositionError,
  HistoryFailedError,
  PositionLostError,
  UnknownMessageError,
} from './errors/log.ts';
export { ValueLimitError } from './errors/value.ts';
