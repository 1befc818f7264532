import type { Attributes } from '@opentelemetry/api';
import type { Readings } from './readings.ts';

/** @typeParam R what it is read from */
export interface Instrument<R = Readings> {
  readonly name: string;
  /** `total` only grows; `level` goes up and down and may be summed over processes; `gauge` may not. */
  readonly kind: 'total' | 'level' | 'gauge';
  readonly unit: string;
  readonly description: string;
  /** One number, or one for each value of an attribute. */
  readonly read: (readings: R) => number | readonly (readonly [Attributes, number])[];
}

const state = (value: string, count: number): readonly [Attributes, number] => [{ 'threadcast.state': value }, count];
const seconds = (milliseconds: number): number => milliseconds / 1_000;

/** All observable instruments. */
export const INSTRUMENTS: readonly Instrument[] = [
  {
    name: 'threadcast.send.timeouts',
    kind: 'total',
    unit: '{timeout}',
    description: 'Times that a peer made no progress for sendTimeoutMs',
    read: ({ sendTimeouts }) => sendTimeouts,
  },
  {
    name: 'threadcast.timeout.retries',
    kind: 'total',
    unit: '{retry}',
    description: 'Retries of admission that have begun',
    read: ({ timeoutRetries }) => timeoutRetries,
  },
  {
    name: 'threadcast.timeout.failures',
    kind: 'total',
    unit: '{failure}',
    description: 'Deliveries whose first attempt and all retries timed out; the message stays in the log',
    read: ({ timeoutFailures }) => timeoutFailures,
  },
  {
    name: 'threadcast.connections_accepted',
    kind: 'total',
    unit: '{connection}',
    description: 'Connections that were accepted',
    read: ({ connectionsAccepted }) => connectionsAccepted,
  },
  {
    name: 'threadcast.handshakes_refused',
    kind: 'total',
    unit: '{handshake}',
    description: 'Handshakes that were refused before the 101, by reason',
    read: ({ refusals }) => [...refusals].map(([reason, count]) => [{ 'threadcast.refusal.reason': reason }, count]),
  },
  {
    name: 'threadcast.connections_evicted',
    kind: 'total',
    unit: '{connection}',
    description: 'Connections that the hub ended, or whose line broke',
    read: ({ connectionsEvicted }) => connectionsEvicted,
  },
  {
    name: 'threadcast.connections',
    kind: 'level',
    unit: '{connection}',
    description: 'Connections by state',
    read: ({ connections: { open, retrying, tripped } }) => [
      state('open', open),
      state('retrying', retrying),
      state('tripped', tripped),
    ],
  },
  {
    name: 'threadcast.threads',
    kind: 'level',
    unit: '{thread}',
    description: 'Threads that are held',
    read: ({ threads }) => threads,
  },
  {
    name: 'threadcast.subscriptions',
    kind: 'level',
    unit: '{subscription}',
    description: 'Connections in threads: one for each thread that a connection has joined',
    read: ({ subscriptions }) => subscriptions,
  },
  {
    name: 'threadcast.subscriptions.behind',
    kind: 'level',
    unit: '{subscription}',
    description: 'Subscriptions that have to catch up',
    read: ({ subscriptionsBehind }) => subscriptionsBehind,
  },
  {
    name: 'threadcast.behind.entries',
    kind: 'gauge',
    unit: '{entry}',
    description: 'Log entries that the subscription which is furthest behind has to catch up with',
    read: ({ behindEntries }) => behindEntries,
  },
  {
    name: 'threadcast.behind.age',
    kind: 'gauge',
    unit: 's',
    description: 'Age of the oldest log entry that a subscription still waits for',
    read: ({ behindMs }) => seconds(behindMs),
  },
  {
    name: 'threadcast.published',
    kind: 'total',
    unit: '{message}',
    description: 'Messages that were logged and offered',
    read: ({ messagesPublished }) => messagesPublished,
  },
  {
    name: 'threadcast.publish.failures',
    kind: 'total',
    unit: '{message}',
    description: 'Messages that send refused',
    read: ({ sendsFailed }) => sendsFailed,
  },
  {
    name: 'threadcast.sent',
    kind: 'total',
    unit: '{message}',
    description: 'Messages handed to sockets',
    read: ({ deliveries }) => deliveries,
  },
  {
    name: 'threadcast.sent.size',
    kind: 'total',
    unit: 'By',
    description: 'Bytes handed to sockets, frame headers included',
    read: ({ sentBytes }) => sentBytes,
  },
  {
    name: 'threadcast.volatile.dropped',
    kind: 'total',
    unit: '{message}',
    description: 'Volatile messages that found a connection busy',
    read: ({ volatileDropped }) => volatileDropped,
  },
  {
    name: 'threadcast.streams',
    kind: 'level',
    unit: '{stream}',
    description: 'Token streams in progress, those of other processes included',
    read: ({ streams }) => streams,
  },
  {
    name: 'threadcast.streams.frames',
    kind: 'total',
    unit: '{frame}',
    description: 'Frames of token streams handed to sockets',
    read: ({ textFrames }) => textFrames,
  },
  {
    name: 'threadcast.values.changes',
    kind: 'total',
    unit: '{change}',
    description: 'Values that the application or a client has set or removed in this process',
    read: ({ valueChanges }) => valueChanges,
  },
  {
    name: 'threadcast.values.frames',
    kind: 'total',
    unit: '{frame}',
    description: 'Frames of values handed to sockets',
    read: ({ valueFrames }) => valueFrames,
  },
  {
    name: 'threadcast.answers.remembered',
    kind: 'total',
    unit: '{answer}',
    description: 'Answers of onPublish with data that this process has put into the log',
    read: ({ answersRemembered }) => answersRemembered,
  },
  {
    name: 'threadcast.answers.repeated',
    kind: 'total',
    unit: '{answer}',
    description: 'Publications that got the answer of an earlier attempt',
    read: ({ answersRepeated }) => answersRepeated,
  },
  {
    name: 'threadcast.answers.held',
    kind: 'level',
    unit: '{answer}',
    description: 'Answers that the log holds in this process',
    read: ({ answersHeld }) => answersHeld,
  },
  {
    name: 'threadcast.answers.held.size',
    kind: 'level',
    unit: 'By',
    description: 'What answers and claims take in this process, by the count of the log',
    read: ({ answerBytes }) => answerBytes,
  },
  {
    name: 'threadcast.user.orders',
    kind: 'total',
    unit: '{order}',
    description: 'Closes and leaves of all connections of a user that this process has carried out',
    read: ({ userCloses, userLeaves }) => [
      [{ 'threadcast.order': 'close' }, userCloses],
      [{ 'threadcast.order': 'leave' }, userLeaves],
    ],
  },
  {
    name: 'threadcast.gaps',
    kind: 'total',
    unit: '{gap}',
    description: 'Times that a client was told that messages are missing',
    read: ({ gaps }) => gaps,
  },
  {
    name: 'threadcast.resumes',
    kind: 'total',
    unit: '{resume}',
    description: 'Joins from a position',
    read: ({ resumes }) => resumes,
  },
  {
    name: 'threadcast.errors',
    kind: 'total',
    unit: '{error}',
    description: 'Errors that no caller could catch, by code',
    read: ({ errors }) => [...errors].map(([code, count]) => [{ 'threadcast.error.code': code }, count]),
  },
  {
    name: 'threadcast.logs.lost',
    kind: 'level',
    unit: '{log}',
    description: 'Logs that are lost: 1 in a process that cannot reach its Redis',
    read: ({ logsLost }) => logsLost,
  },
  {
    name: 'threadcast.serializing',
    kind: 'level',
    unit: '{message}',
    description: 'Messages that are being serialized',
    read: ({ serializing }) => serializing,
  },
  {
    name: 'threadcast.segments',
    kind: 'level',
    unit: '{segment}',
    description: 'Output segments of 256 KiB that messages hold',
    read: ({ segmentsInUse }) => segmentsInUse,
  },
  {
    name: 'threadcast.workers',
    kind: 'level',
    unit: '{thread}',
    description: 'Worker threads for recipes by state',
    read: ({ workersRunning, workersIdle }) => [state('running', workersRunning), state('idle', workersIdle)],
  },
  {
    name: 'threadcast.recipes.queued',
    kind: 'level',
    unit: '{message}',
    description: 'Recipes that wait for a worker',
    read: ({ recipesQueued }) => recipesQueued,
  },
  {
    name: 'threadcast.loop.block',
    kind: 'gauge',
    unit: 's',
    description: 'The longest that one slice of the work of threadcast has held the event loop in the last minute',
    read: ({ loopBlockMs }) => seconds(loopBlockMs),
  },
  {
    name: 'threadcast.loop.late',
    kind: 'gauge',
    unit: 's',
    description: 'The largest delay of the event loop in the last minute, whatever caused it',
    read: ({ loopLateMs }) => seconds(loopLateMs),
  },
  {
    name: 'threadcast.pressure',
    kind: 'gauge',
    unit: '1',
    description: 'How busy the hub is, 0 to 1: its serializer queue, or fan-out that does not catch up',
    read: ({ pressure }) => pressure,
  },
  {
    name: 'threadcast.sender.flights',
    kind: 'gauge',
    unit: '{flight}',
    description: 'Flights of the native sender that have not landed, of all hubs of the realm',
    read: ({ flightsInAir }) => flightsInAir,
  },
  {
    name: 'threadcast.sender.lag',
    kind: 'gauge',
    unit: 's',
    description: 'How long the native sender has had flights in the air without a break',
    read: ({ senderLagMs }) => seconds(senderLagMs),
  },
];
