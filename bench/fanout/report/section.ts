import type { Chart } from './chart.ts';

/** A promise that was measured. */
export interface Target {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  readonly isMet: boolean;
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What one group of rows has to say. */
export interface Section {
  readonly title: string;
  readonly text: string;
  readonly tables: readonly Table[];
  readonly targets: readonly Target[];
  readonly charts: readonly Chart[];
  readonly failures: readonly { readonly name: string; readonly row: string; readonly reason: string }[];
}
