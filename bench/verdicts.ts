/** What a bench expects of itself, as a sentence with the figure in it, and whether it holds. */
export type Verdict = [claim: string, holds: boolean];

export function atLeast(what: string, figure: number, least: number): Verdict {
  return [`${what}: ${figure.toFixed(2)}, at least ${least} expected`, figure >= least];
}

export function atMost(what: string, figure: number, most: number): Verdict {
  return [`${what}: ${figure.toFixed(2)}, at most ${most} expected`, figure <= most];
}

export function printVerdicts(verdicts: Verdict[]): void {
  for (const [claim, holds] of verdicts) process.stdout.write(`${holds ? "holds " : "MISSED"}  ${claim}\n`);
}
