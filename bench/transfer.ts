import { parseArgs } from "node:util";
import { formatBytes, formatTable } from "../local/text-table.ts";
import { median } from "./statistics.ts";
import { type BenchLane, type Measured, startBenchLane } from "./transfer/lane.ts";
import type { MethodName } from "./transfer/methods.ts";

const HELP = `Usage: npm run bench:transfer -- [--quick] [--shaped] [--mebibytes 256] [--rounds 3] [--connections 8]

From Kaggle's stand-in into the bucket's: ours (integrity check included), one plain stream, download to disk and then
upload, and the bare drain of the source. Every run has a process of its own; the methods take turns.

  --quick      small archives, one round: shows that it works, measures little
  --shaped     the shaped link only
  --mebibytes  one archive of this size instead of the usual ones; without --shaped, over both links
`;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    shaped: { type: "boolean", default: false },
    mebibytes: { type: "string" },
    rounds: { type: "string" },
    connections: { type: "string", default: "8" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const METHODS = ["ours", "pipe", "disk", "drain"] as const satisfies MethodName[];
const TITLES: Record<MethodName, string> = {
  ours: "ours",
  pipe: "one plain stream",
  disk: "to disk, then up",
  drain: "source alone",
};
const MIB = 1024 * 1024;
const SHAPE = { latencyMs: 20, bytesPerSecond: 50_000_000 };
/** Of the shaped link's connections × rate, and of the other methods' rates; and the memory that a job may take. */
const EXPECTED = { ofLink: 0.9, shapedToPipe: 7, shapedToDisk: 14, toDisk: 1.3, peakBytes: 160 * MIB };

interface Scenario {
  bytes: number;
  shaped: boolean;
}

interface Result extends Scenario {
  /** Medians over the rounds, by method. */
  of: Record<MethodName, { bytesPerSecond: number; peakBytes: number }>;
}

const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const connections = Number(values.connections);
const usualSizes = values.quick ? [64, 128] : [256, 1024, 4096];
const sizes = values.mebibytes === undefined ? usualSizes : [Number(values.mebibytes)];
const scenarios: Scenario[] = [
  ...(values.shaped ? [] : sizes.map((size) => ({ bytes: size * MIB, shaped: false }))),
  { bytes: (sizes[0] ?? 0) * MIB, shaped: true },
];

const lane = await startBenchLane(
  sizes.map((size) => size * MIB),
  SHAPE,
);
try {
  const results: Result[] = [];
  for (const scenario of scenarios) results.push(await compare(lane, scenario));
  report(results);
} finally {
  await lane.close();
}
process.exit();

async function compare(lane: BenchLane, scenario: Scenario): Promise<Result> {
  const samples: Record<MethodName, Measured[]> = { ours: [], pipe: [], disk: [], drain: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const method of METHODS)
      samples[method].push(await lane.measure(method, scenario.bytes, scenario.shaped, connections));
    process.stderr.write(`${describe(scenario)}: round ${round} of ${rounds}\n`);
  }
  const summarize = (method: MethodName) => ({
    bytesPerSecond: scenario.bytes / median(samples[method].map(({ seconds }) => seconds)),
    peakBytes: median(samples[method].map(({ peakBytes }) => peakBytes)),
  });
  return {
    ...scenario,
    of: { ours: summarize("ours"), pipe: summarize("pipe"), disk: summarize("disk"), drain: summarize("drain") },
  };
}

function report(results: Result[]): void {
  const header = ["archive", "method", "MB/s", "peak MiB", "ours is"];
  const rows = results.flatMap((result) =>
    METHODS.map((method) => {
      const { bytesPerSecond, peakBytes } = result.of[method];
      const ratio = result.of.ours.bytesPerSecond / bytesPerSecond;
      return [
        method === "ours" ? describe(result) : "",
        TITLES[method],
        (bytesPerSecond / 1e6).toFixed(1),
        (peakBytes / MIB).toFixed(0),
        method === "ours" ? "" : `${ratio.toFixed(2)} ×`,
      ];
    }),
  );
  process.stdout.write(`\n${formatTable(header, rows)}\n\n`);
  process.stdout.write(`${rounds} rounds, medians, ${connections} connections\n`);
  for (const [claim, holds] of results.flatMap(check))
    process.stdout.write(`${holds ? "holds " : "MISSED"}  ${claim}\n`);
  process.stdout.write(`${JSON.stringify({ bench: "transfer", rounds, connections, results: results.map(toJson) })}\n`);
}

function check({ bytes, shaped, of }: Result): [claim: string, holds: boolean][] {
  const name = describe({ bytes, shaped });
  const { ours } = of;
  const atLeast = (ratio: number, least: number, what: string): [string, boolean] => [
    `${name}: ${ratio.toFixed(2)} of ${what}, at least ${least} expected`,
    ratio >= least,
  ];
  const memory: [string, boolean] = [
    `${name}: ${(ours.peakBytes / MIB).toFixed(0)} MiB at the peak, less than ${EXPECTED.peakBytes / MIB} expected`,
    ours.peakBytes < EXPECTED.peakBytes,
  ];
  const toDisk = ours.bytesPerSecond / of.disk.bytesPerSecond;
  if (!shaped) return [atLeast(toDisk, EXPECTED.toDisk, "download, then upload"), memory];
  return [
    atLeast(ours.bytesPerSecond / (connections * SHAPE.bytesPerSecond), EXPECTED.ofLink, "connections × link"),
    atLeast(ours.bytesPerSecond / of.pipe.bytesPerSecond, EXPECTED.shapedToPipe, "one plain stream"),
    atLeast(toDisk, EXPECTED.shapedToDisk, "download, then upload"),
    memory,
  ];
}

function describe({ bytes, shaped }: Scenario): string {
  const link = `${SHAPE.latencyMs} ms, ${formatBytes(SHAPE.bytesPerSecond)}/s each`;
  return `${bytes / MIB} MiB${shaped ? ` (${link})` : ""}`;
}

function toJson({ bytes, shaped, of }: Result) {
  const figures = ({ bytesPerSecond, peakBytes }: Result["of"]["ours"]) => ({
    megabytes_per_second: Number((bytesPerSecond / 1e6).toFixed(1)),
    peak_mebibytes: Math.round(peakBytes / MIB),
  });
  return {
    mebibytes: bytes / MIB,
    shaped,
    ours: figures(of.ours),
    pipe: figures(of.pipe),
    disk: figures(of.disk),
    drain: figures(of.drain),
  };
}
