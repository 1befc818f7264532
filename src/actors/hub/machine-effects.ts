import type { AnyActorRef } from 'xstate';
import { closeCodes } from '../../infra/wire/close-codes.ts';
import type { ConnectionContext, ConnectionEvent } from '../../machines/connection.ts';
import { connectionMachine, hubMachine, threadMachine } from '../../machines/index.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { EndOpen } from '../connection/connection-services.ts';
import type { Counters } from '../support/counters.ts';
import { guarded } from '../support/emitter.ts';
import { hiddenField } from '../support/hidden-field.ts';
import type { ThreadActor } from '../thread/thread.ts';

// Providing a machine with effects builds it anew, which takes longer than all the rest of a hub. So each machine is provided once, and its
// effects find the hub by the actor.

/** What the effects of connections need from their hub. */
interface ConnectionHub {
  find(id: string): ConnectionActor | undefined;
  readonly counters: Counters;
}

const ofConnection = hiddenField<ConnectionHub>();
const ofThread = hiddenField<(id: string) => ThreadActor | undefined>();
const ofHub = hiddenField<() => void>();

/** Starts an actor. */
type Launch = (actor: AnyActorRef) => void;

/** The connection machine, for all hubs; `launchConnection` has to start its actors. */
export const providedConnection = connectionMachine.provide({
  actions: {
    openGate: ({ self, context }) => ofConnection.of(self)?.find(context.id)?.delivery.openGate(),
    closeGate: ({ self, context }) => closeGate(ofConnection.of(self), context),
    sendProbe: ({ self, context }) => ofConnection.of(self)?.find(context.id)?.line.sendProbe(),
    terminate: ({ self, context, event }) => terminate(ofConnection.of(self), context, event),
    countTimeout: ({ self }) => {
      const hub = ofConnection.of(self);
      if (hub !== undefined) hub.counters.sendTimeouts++;
    },
    countRetry: ({ self, context }) => {
      const hub = ofConnection.of(self);
      if (hub === undefined) return;
      hub.counters.timeoutRetries++;
      hub.find(context.id)?.delivery.noteRetries(context.attempt);
    },
    countDeliveryFailure: ({ self, context }) => {
      const hub = ofConnection.of(self);
      if (hub === undefined) return;
      hub.counters.timeoutFailures++;
      hub.find(context.id)?.delivery.deliveryFailed();
    },
  },
});

function closeGate(hub: ConnectionHub | undefined, { id }: ConnectionContext): void {
  hub?.find(id)?.line.writer.close();
}

function terminate(hub: ConnectionHub | undefined, { id, eviction }: ConnectionContext, event: ConnectionEvent): void {
  if (hub === undefined) return;
  // a client that says goodbye is not counted as evicted; one whose line broke is, and may come back
  const isGoodbye = event.type === 'closed' && event.code !== closeCodes.abnormal.code;
  if (!isGoodbye) hub.counters.connectionsEvicted++;
  hub.find(id)?.terminate(eviction.code, eviction.reason);
}

/** The effects of the machine, in its order, where a connection ends that is `open`. */
export function endOpen(hub: ConnectionHub, report: (error: unknown) => void): EndOpen {
  return (context, event) => {
    guarded(() => closeGate(hub, context), report);
    guarded(() => terminate(hub, context, event), report);
  };
}

/** Starts actors of `providedConnection` with the effects of this hub. */
export function launchConnection(launch: Launch, hub: ConnectionHub): Launch {
  return (actor) => {
    ofConnection.set(actor, hub);
    launch(actor);
  };
}

/** The thread machine, for all hubs; `launchThread` has to start its actors. */
export const providedThread = threadMachine.provide({
  actions: { release: ({ self, context }) => ofThread.of(self)?.(context.id)?.release() },
});

/** Starts actors of `providedThread` with the effects of this hub. */
export function launchThread(launch: Launch, find: (id: string) => ThreadActor | undefined): Launch {
  return (actor) => {
    ofThread.set(actor, find);
    launch(actor);
  };
}

/** The hub machine, for all hubs; `launchHub` has to start its actors. */
export const providedHub = hubMachine.provide({ actions: { release: ({ self }) => ofHub.of(self)?.() } });

/** Starts an actor of `providedHub` whose effect this is. */
export function launchHub(launch: Launch, actor: AnyActorRef, release: () => void): void {
  ofHub.set(actor, release);
  launch(actor);
}
