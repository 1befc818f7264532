import { closeCodes } from '../../infra/wire/close-codes.ts';
import { connectionMachine, threadMachine } from '../../machines/index.ts';
import type { ConnectionActor } from '../connection/connection.ts';
import type { Counters } from '../support/counters.ts';
import type { ThreadActor } from '../thread/thread.ts';

/** The connection machine with its effects, for all connections of one hub. */
export function provideConnection(
  find: (id: string) => ConnectionActor | undefined,
  counters: Counters,
): typeof connectionMachine {
  return connectionMachine.provide({
    actions: {
      openGate: ({ context }) => find(context.id)?.delivery.openGate(),
      closeGate: ({ context }) => find(context.id)?.line.writer.close(),
      sendProbe: ({ context }) => find(context.id)?.line.sendProbe(),
      terminate: ({ context, event }) => {
        // a client that says goodbye is not counted as evicted; one whose line broke is, and may come back
        const isGoodbye = event.type === 'closed' && event.code !== closeCodes.abnormal.code;
        if (!isGoodbye) counters.connectionsEvicted++;
        find(context.id)?.terminate(context.eviction.code, context.eviction.reason);
      },
      countTimeout: () => void counters.sendTimeouts++,
      countRetry: ({ context }) => {
        counters.timeoutRetries++;
        find(context.id)?.delivery.noteRetries(context.attempt);
      },
      countDeliveryFailure: ({ context }) => {
        counters.timeoutFailures++;
        find(context.id)?.delivery.deliveryFailed();
      },
    },
  });
}

/** The thread machine with its effects, for all threads of one hub. */
export function provideThread(find: (id: string) => ThreadActor | undefined): typeof threadMachine {
  return threadMachine.provide({ actions: { release: ({ context }) => find(context.id)?.release() } });
}
