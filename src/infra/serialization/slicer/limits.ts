/**
 * How finely the slicer cuts. A unit is about one byte of JSON: what the estimator counts and what the walker is charged.
 * The defaults are measured (see `bench/serializer`); tests pass tiny ones, so that every cut is taken.
 */
export interface SlicerLimits {
  /**
   * The most that is handed to native `JSON.stringify` in one call, and the work between two looks at the clock. Larger
   * runs amortise the native call better and let a slice overrun its deadline by more; 16 Ki units take 15 to 60 us.
   * @default 16384
   */
  readonly runUnits: number;
  /**
   * A string longer than this is written in pieces of this many UTF-16 units.
   * @default 32768
   */
  readonly stringUnits: number;
  /**
   * Short texts are collected up to this many units before they are copied into a segment: one native write per property
   * would cost more than the property.
   * @default 8192
   */
  readonly flushUnits: number;
  /**
   * Nesting that native code and the estimator may meet; what is deeper is walked on an explicit stack, so that a chain of
   * 100,000 levels cannot overflow the call stack.
   * @default 128
   */
  readonly depth: number;
}

export const defaultLimits: SlicerLimits = Object.freeze({
  runUnits: 16 * 1024,
  stringUnits: 32 * 1024,
  flushUnits: 8 * 1024,
  depth: 128,
});

/** The defaults with some of them replaced. */
export function withDefaults(limits: Partial<SlicerLimits> | undefined): SlicerLimits {
  return limits === undefined ? defaultLimits : { ...defaultLimits, ...limits };
}
