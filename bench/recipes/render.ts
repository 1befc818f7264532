import { environment, format, median, table } from '../document.ts';
import type { Sample, Variant } from './variants.ts';

interface Report {
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  readonly alone: Variant;
  readonly batches: readonly { readonly what: string; readonly single: Variant; readonly double: Variant }[];
  readonly rounds: number;
}

const columns = ['mainCpuMs', 'totalCpuMs', 'wallMs'] as const;

export function renderReport({ samples, alone, batches, rounds }: Report): string {
  const of = (variant: Variant): readonly Sample[] => samples.get(variant.name) ?? [];
  const gains = batches.map(({ what, single, double }) => ({ what, gain: gain(of(single), of(double)) }));
  const mainCpuMs = median(of(alone).map((sample) => sample.mainCpuMs));
  return [
    '## Recipes',
    `${environment()} Medians of ${rounds} rounds, in which the variants take turns.`,
    'A recipe builds and serializes its message in a worker thread. "Inline" does on the main thread what the recipe does there.',
    '### Targets',
    table(
      ['target', 'wanted', 'measured'],
      [
        ['main CPU of a 10 MB recipe', 'less than 2 ms', `${format(mainCpuMs)} ms`],
        ...gains
          .filter(({ what }) => what !== 'arithmetic')
          .map(({ what, gain }) => [`${what}: 2 workers on 2 cores, of 1`, 'at least 1.7 x', `${format(gain)} x`]),
        ['the machine itself: arithmetic on 2 threads, of 1', '', `${gains.map(arithmetic).join('')} x`],
      ],
    ),
    '### Milliseconds for each message',
    table(
      ['variant', 'main CPU', 'total CPU', 'wall'],
      [...samples].map(([name, all]) => [
        name,
        ...columns.map((key) => format(median(all.map((sample) => sample[key])))),
      ]),
    ),
  ].join('\n\n');
}

function arithmetic({ what, gain }: { readonly what: string; readonly gain: number }): string {
  return what === 'arithmetic' ? format(gain) : '';
}

/** How much more two workers do, from neighbours in time. */
function gain(single: readonly Sample[], double: readonly Sample[]): number {
  return median(single.map(({ wallMs }, round) => wallMs / (double[round]?.wallMs ?? NaN)));
}
