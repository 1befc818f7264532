import { UnsupportedSocketError } from '../../infra/errors.ts';
import { userThreadId } from '../../infra/log/ids.ts';
import { socketOf, turnAway, wsSocketLink } from '../../infra/socket/ws-link.ts';
import { closeCodes } from '../../infra/wire/close-codes.ts';
import type { AcceptOptions } from '../../api/connection.ts';
import type { AcceptedSocket, Link, LinkListener } from '../../api/socket.ts';
import { AskedOnce } from '../connection/asked-once.ts';
import { ConnectionActor } from '../connection/connection.ts';
import type { ConnectionServices, MembershipPort } from '../connection/connection-services.ts';
import { InputBudgets } from '../connection/input-budgets.ts';
import { AnswerBatch } from '../connection/answer-batch.ts';
import { Intake } from '../connection/intake.ts';
import { PingNumbers } from '../connection/ping-numbers.ts';
import { SharedSlots } from '../connection/request-lanes.ts';
import { resolveAccept, type ConnectionSettings } from '../connection/resolve-accept-options.ts';
import { UnfinishedInput } from '../connection/unfinished-input.ts';
import type { ValueServices } from '../values/value-changes.ts';
import type { HubContext } from '../support/context.ts';
import type { ConnectionRegistry } from './connection-registry.ts';
import { endOpen, launchConnection, providedConnection } from './machine-effects.ts';
import type { ThreadRegistry } from './thread-registry.ts';

/** Client requests that the application may handle at the same moment, besides one of each connection. */
const REQUESTS_AT_ONCE = 1_024;

/** Makes connections of sockets, and holds what they share. */
export class ConnectionAcceptor {
  /** Limits what clients may send. */
  readonly budgets: InputBudgets;
  /** Counts unfinished messages of clients. */
  readonly unfinished: UnfinishedInput;
  /** Asks the application about what clients publish. */
  readonly publications: AskedOnce;
  readonly #services: ConnectionServices;
  readonly #connections: ConnectionRegistry;
  readonly #threads: ThreadRegistry;

  constructor(
    context: HubContext,
    connections: ConnectionRegistry,
    threads: ThreadRegistry,
    membership: MembershipPort,
    values: ValueServices,
  ) {
    const { settings, clock, scheduler, counters, now, report } = context;
    this.#connections = connections;
    this.#threads = threads;
    this.budgets = new InputBudgets(settings.input.rates, now);
    this.publications = new AskedOnce(context);
    this.unfinished = new UnfinishedInput(settings.input.maxUnfinishedBytes, settings.input.maxFrameBytes);
    const hub = { find: (id: string) => connections.get(id), counters };
    this.#services = {
      ...context,
      machine: providedConnection,
      launch: launchConnection(context.launch, hub),
      endOpen: endOpen(hub, report),
      intake: new Intake(clock, scheduler, settings.sliceMs),
      answers: new AnswerBatch(clock, report),
      budgets: this.budgets,
      unfinished: this.unfinished,
      pings: new PingNumbers(),
      requestSlots: new SharedSlots(REQUESTS_AT_ONCE),
      threads,
      connections,
      membership,
      values,
      publications: this.publications,
    };
  }

  /** @throws HubClosedError, InvalidOptionError, TooManyConnectionsError */
  accept(socket: AcceptedSocket, options: AcceptOptions): ConnectionActor {
    this.#services.status.assertRunning('accept');
    const settings = resolveAccept(options, this.#services);
    try {
      this.#connections.assertRoom(options.userId);
    } catch (error) {
      if (typeof socket !== 'function') turnAway(socket, closeCodes.overloaded.code, closeCodes.overloaded.reason);
      throw error;
    }
    if (typeof socket === 'function') return this.open((listener) => assertLink(socket(listener)), settings);
    const { sender } = this.#services.sender;
    return this.open((listener) => wsSocketLink(socket, socketOf(socket), listener, sender), settings);
  }

  /** A connection that there is room for. Where `makeLink` throws, there is none. */
  open(makeLink: (listener: LinkListener) => Link, settings: ConnectionSettings): ConnectionActor {
    const connection = new ConnectionActor(settings, this.#services);
    connection.attach(makeLink);
    this.#connections.add(connection);
    this.#services.counters.connectionsAccepted++;
    connection.start();
    this.#joinUserThread(connection);
    return connection;
  }

  /**
   * Joins a connection to its user's thread at once if a message to the user has already been sent; other connections join that thread with
   * the first message. If other processes share the log, such a message may come from a process that does not know the connections here.
   * Then each connection is joined at once.
   */
  #joinUserThread(connection: ConnectionActor): void {
    if (connection.userId === undefined) return;
    const threadId = userThreadId(connection.userId);
    if (this.#services.settings.log.notify === undefined && this.#threads.get(threadId) === undefined) return;
    connection.joinOwn(threadId).catch((error: unknown) => {
      if (connection.state === 'evicted') return;
      // a client that reconnects gets messages that it would miss here
      connection.evict(closeCodes.overloaded);
      this.#services.report(error);
    });
  }
}

/** @throws UnsupportedSocketError */
function assertLink(link: Link): Link {
  const made: unknown = link;
  const isLink = typeof made === 'object' && made !== null && 'write' in made && typeof made.write === 'function';
  if (!isLink) throw new UnsupportedSocketError({ reason: 'the function has made no link' });
  return link;
}
