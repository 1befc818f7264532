import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take longest, most of it waiting: begun last, they would be all that still runs. */
const LONGEST = [
  'test/e2e/demo-page.alone.test.ts',
  'test/sim/sim.test.ts',
  'test/model/delivery.test.ts',
  'test/redis/contract.test.ts',
  'test/redis/values.test.ts',
  'test/redis/pool.test.ts',
  'test/redis/cluster.test.ts',
  'test/redis/layout.test.ts',
  'test/redis/bounds.test.ts',
  'test/postgres/transactions.test.ts',
  'test/socket/lines.sockets.test.ts',
  'test/e2e/observability-nodes.test.ts',
  'test/e2e/observability.long.test.ts',
  'test/client/seam.sockets.test.ts',
  'test/socket/ws.sockets.test.ts',
  'test/native/hub.sockets.test.ts',
  'test/native/addon.sockets.test.ts',
  'test/native/processes.sockets.test.ts',
  'test/serialization/serializer.sockets.test.ts',
  'test/serialization/bundles.sockets.test.ts',
  'test/serialization/workers/build.sockets.test.ts',
  'test/e2e/client-page.test.ts',
  'test/e2e/client-frozen.long.test.ts',
  'test/e2e/client-lifecycle.test.ts',
  'test/e2e/multicore-once.long.test.ts',
  'test/e2e/cluster-once.long.test.ts',
  'test/abuse/crowds.test.ts',
  'test/pool/relay-contract.sockets.test.ts',
  'test/delivery/resume/returning.sockets.test.ts',
  'test/socket/garbage.sockets.test.ts',
  'test/client/bytes.sockets.test.ts',
  'test/socket/error-boundary.sockets.test.ts',
  'test/redis/failures.long.test.ts',
  'test/postgres/contract.long.test.ts',
  'test/react/page.long.test.ts',
  'test/abuse/floods.long.test.ts',
];

/**
 * In each project the longest first. One project after the other, the one with the most files last: a worker that files share goes on only
 * with a file of the same project, and begins anew with any other.
 */
export class Sequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const sizes = new Map<string, number>();
    for (const { project } of sorted) sizes.set(project.name, (sizes.get(project.name) ?? 0) + 1);
    const orderOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    const sizeOf = ({ project }: TestSpecification): number => sizes.get(project.name) ?? 0;
    return sorted.toSorted((a, b) => orderOf(a) - orderOf(b) || sizeOf(a) - sizeOf(b) || placeOf(a) - placeOf(b));
  }
}

/** In the list; after it, all others. */
function placeOf({ moduleId }: TestSpecification): number {
  const place = LONGEST.findIndex((path) => moduleId.endsWith(path));
  return place < 0 ? LONGEST.length : place;
}
