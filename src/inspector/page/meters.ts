import uPlot from 'uplot';
import type { Sample } from '../protocol.ts';
import { h, write } from './dom.ts';
import { count, duration, durations, rate } from './format.ts';

/** Samples that the charts show: two minutes. */
const SHOWN = 120;

interface MeterKind {
  readonly name: string;
  readonly title: string;
  /** The lines, each with a colour of the style sheet. */
  readonly lines: readonly { readonly color: string; readonly of: (sample: Sample) => number | null }[];
  readonly text: (sample: Sample) => string;
}

const KINDS: readonly MeterKind[] = [
  {
    name: 'published',
    title: 'Messages / s',
    lines: [{ color: '--accent', of: ({ published }) => published }],
    text: ({ published }) => rate(published),
  },
  {
    name: 'deliveries',
    title: 'Deliveries / s',
    lines: [{ color: '--accent', of: ({ deliveries }) => deliveries }],
    text: ({ deliveries }) => rate(deliveries),
  },
  {
    name: 'trouble',
    title: 'Retrying · tripped',
    lines: [
      { color: '--retrying', of: ({ retrying }) => retrying },
      { color: '--tripped', of: ({ tripped }) => tripped },
    ],
    text: ({ retrying, tripped }) => `${count(retrying)} · ${count(tripped)}`,
  },
  {
    name: 'round-trip',
    title: 'Ping p50 · p99',
    lines: [
      { color: '--open', of: ({ roundTripP50 }) => roundTripP50 },
      { color: '--muted', of: ({ roundTripP99 }) => roundTripP99 },
    ],
    text: ({ roundTripP50, roundTripP99 }) => durations(roundTripP50, roundTripP99),
  },
  {
    name: 'loop',
    title: 'Event loop late by',
    lines: [{ color: '--accent', of: ({ loopDelay }) => loopDelay }],
    text: ({ loopDelay }) => duration(loopDelay),
  },
];

/** The small live charts. */
export class MeterCharts {
  readonly #cards: readonly Card[];
  readonly #samples: Sample[] = [];

  constructor(parent: HTMLElement) {
    this.#cards = KINDS.map((kind) => new Card(kind));
    parent.append(...this.#cards.map(({ root }) => root));
    for (const card of this.#cards) card.paint();
    new ResizeObserver(() => {
      for (const card of this.#cards) card.fit();
    }).observe(parent);
  }

  /** The number of the newest sample. */
  get newest(): number {
    return this.#samples.at(-1)?.n ?? 0;
  }

  add(samples: readonly Sample[]): void {
    if (samples.length === 0) return;
    this.#samples.push(...samples);
    this.#samples.splice(0, this.#samples.length - SHOWN);
    for (const card of this.#cards) card.show(this.#samples);
  }

  forget(): void {
    this.#samples.length = 0;
  }

  /** In the colours that hold now. */
  repaint(): void {
    for (const card of this.#cards) {
      card.paint();
      card.show(this.#samples);
    }
  }
}

class Card {
  readonly root: HTMLElement;
  readonly #kind: MeterKind;
  readonly #value = h('p', { class: 'value' }, '–');
  readonly #plot = h('div', { class: 'plot', 'aria-hidden': 'true' });
  #chart: uPlot | undefined;
  #samples: readonly Sample[] = [];

  constructor(kind: MeterKind) {
    this.#kind = kind;
    this.root = h(
      'div',
      { class: 'meter panel', 'data-meter': kind.name },
      h('h2', {}, kind.title),
      this.#value,
      this.#plot,
    );
  }

  paint(): void {
    const styles = getComputedStyle(document.documentElement);
    this.#chart?.destroy();
    this.#chart = new uPlot(
      {
        width: this.#plot.clientWidth || 200,
        height: 34,
        legend: { show: false },
        axes: [{ show: false }, { show: false }],
        scales: { x: { time: false }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
        cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
        padding: [3, 0, 2, 0],
        hooks: { setCursor: [({ cursor }) => this.#point(cursor.idx)] },
        series: [
          {},
          ...this.#kind.lines.map(({ color }) => {
            const stroke = styles.getPropertyValue(color).trim();
            return {
              stroke,
              width: 1.5,
              points: { show: false },
              fill: `color-mix(in srgb, ${stroke} 12%, transparent)`,
            };
          }),
        ],
      },
      [[], ...this.#kind.lines.map(() => [])],
      this.#plot,
    );
  }

  fit(): void {
    this.#chart?.setSize({ width: this.#plot.clientWidth || 200, height: 34 });
  }

  show(samples: readonly Sample[]): void {
    this.#samples = samples;
    const xs = samples.map(({ n }) => n);
    this.#chart?.setData([xs, ...this.#kind.lines.map(({ of }) => samples.map(of))]);
    this.#point(this.#chart?.cursor.idx);
  }

  /** The value under the pointer, or the newest. */
  #point(idx: number | null | undefined): void {
    const sample = (idx == null ? undefined : this.#samples[idx]) ?? this.#samples.at(-1);
    write(this.#value, sample === undefined ? '–' : this.#kind.text(sample));
  }
}
