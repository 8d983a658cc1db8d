/** The value below which the given share (0–1) of the samples lies, between the two nearest where it falls between. */
export function percentile(samples: number[], share: number): number {
  if (samples.length === 0) throw new RangeError("A percentile needs at least one sample");
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export const median = (samples: number[]): number => percentile(samples, 0.5);
