import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take longest, most of it waiting: begun last, they would be all that still runs. */
const LONGEST = [
  'test/sim/sim.test.ts',
  'test/model/delivery.test.ts',
  'test/redis/failures.long.test.ts',
  'test/postgres/contract.long.test.ts',
  'test/react/page.long.test.ts',
  'test/abuse/floods.long.test.ts',
  'test/e2e/observability-nodes.test.ts',
  'test/serialization/serializer.sockets.test.ts',
];

/** The longest first, then the projects side by side, not one after the other: what waits for Redis leaves its core to what computes. */
export class Sequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const sizes = new Map<string, number>();
    const places = new Map(
      sorted.map((file) => {
        const index = sizes.get(file.project.name) ?? 0;
        sizes.set(file.project.name, index + 1);
        return [file, index];
      }),
    );
    const placeOf = (file: TestSpecification): number =>
      isLong(file) ? -1 : (places.get(file) ?? 0) / (sizes.get(file.project.name) ?? 1);
    const orderOf = (file: TestSpecification): number => file.project.config.sequence.groupOrder;
    return sorted.toSorted((a, b) => orderOf(a) - orderOf(b) || placeOf(a) - placeOf(b));
  }
}

function isLong({ moduleId }: TestSpecification): boolean {
  return LONGEST.some((path) => moduleId.endsWith(path));
}
