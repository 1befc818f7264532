/** Where everything of a machine's chart is, in CSS pixels of an unscaled drawing. Made when the package is built. */
export interface ChartLayout {
  readonly machine: string;
  readonly width: number;
  readonly height: number;
  /** Outer states before those in them. */
  readonly states: readonly ChartState[];
  readonly edges: readonly ChartEdge[];
}

export interface ChartState extends Box {
  /** `retrying.attempting`; `*` stands for every state. */
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly isFinal: boolean;
  readonly isInitial: boolean;
  /** It has states in it. */
  readonly isOuter: boolean;
}

/** All that leads from one state to another. */
export interface ChartEdge {
  readonly points: readonly Point[];
  readonly label: Box;
  readonly lines: readonly {
    /** Ids of `GraphEdge`. */
    readonly ids: readonly string[];
    readonly text: string;
  }[];
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}
