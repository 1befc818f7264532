import { createActor, type ActorOptions, type ActorRefFrom } from 'xstate';
import { serializerMachine } from '../../machines/index.ts';
import { hiddenField } from '../support/hidden-field.ts';

const releases = hiddenField<() => void>();

/** Provided once for all hubs: it takes as long as building a machine. */
const provided = serializerMachine.provide({ actions: { release: ({ self }) => releases.of(self)?.() } });

/** An actor of the serializer machine whose effect this is. */
export function createSerializer(
  options: ActorOptions<typeof serializerMachine>,
  release: () => void,
): ActorRefFrom<typeof serializerMachine> {
  const actor = createActor(provided, options);
  releases.set(actor, release);
  return actor;
}
