import type { AggregateMode } from "../../shared/db/aggregate-task.ts";
import type { Json } from "../../shared/db/database.types.ts";
import { JobFailure } from "../job-failure.ts";
import type { Combined } from "./combined.ts";
import { joinCsv } from "./concat/join-csv.ts";
import { joinJsonLines } from "./concat/join-json-lines.ts";
import { joinParquet } from "./concat/join-parquet.ts";
import { detectKind, type ResultKind } from "./detect-kind.ts";
import { averageSafetensors } from "./fedavg/average-safetensors.ts";
import { averageTorch } from "./fedavg/average-torch.ts";
import { weigh } from "./fedavg/weights.ts";
import { mapAhead } from "./map-ahead.ts";
import type { ResultFile } from "./result-file.ts";

/** How results become one, or why they do not. */
export type CombinePlan =
  | { mode: "fedavg" | "concat"; results: ResultFile[]; combine: () => Promise<Combined> }
  | { mode: "none"; reason: string };

interface KnownResult {
  result: ResultFile;
  kind: ResultKind;
}

const LOOKED_AT_ONCE = 16;
const MODELS: ResultKind[] = ["safetensors", "torch", "legacy-torch"];
const TABLES: ResultKind[] = ["csv", "tsv", "jsonl", "parquet"];

/**
 * Looks at every result and decides what is done with them; results that do not fit what was asked for are refused.
 * `silent` is the number of a task that has none, if there is one.
 */
export async function planCombination(
  mode: AggregateMode,
  results: ResultFile[],
  silent: number | undefined,
): Promise<CombinePlan> {
  const known: KnownResult[] = [];
  const look = async (result: ResultFile) => ({ result, kind: await detectKind(result) });
  for await (const one of mapAhead(results, LOOKED_AT_ONCE, look)) known.push(one);
  if (mode === "fedavg") return planMean(known);
  if (mode === "concat") return planJoin(known, [...TABLES, "text"]);
  // An empty table has no rows to add, and neither has a task without one; an empty model is none, and a mean of models
  // that lacks one is another than the job's.
  const filled = known.filter(({ kind }) => kind !== "empty");
  if (filled.length > 0 && filled.every(({ kind }) => TABLES.includes(kind))) return planJoin(known, TABLES);
  if (!known.every(({ kind }) => MODELS.includes(kind))) return { mode: "none", reason: describe(known) };
  return silent === undefined ? planMean(known) : { mode: "none", reason: `task ${silent} has no result` };
}

function planMean(known: KnownResult[]): CombinePlan {
  const [first] = known;
  for (const { result, kind } of known) {
    if (kind === "legacy-torch")
      throw new JobFailure(
        "results_not_averageable",
        `Cannot average ${result.label}: it is in the format of torch.save before version 1.6. Save it without _use_new_zipfile_serialization=False.`,
      );
    if (!MODELS.includes(kind))
      throw new JobFailure(
        "results_not_averageable",
        `Cannot average ${result.label}: it is neither a safetensors file nor a PyTorch state dict.`,
      );
    if (first !== undefined && kind !== first.kind) throw mixed(first, { result, kind });
  }
  const results = known.map(({ result }) => result);
  const weights = weigh(results.map(({ rows }) => rows));
  const weighted: Record<string, Json> = { weighted_by: weights.by };
  if (weights.reason !== undefined) weighted.reason = weights.reason;
  return {
    mode: "fedavg",
    results,
    async combine() {
      const combined = await (first?.kind === "torch" ? averageTorch : averageSafetensors)(results, weights);
      return { ...combined, details: () => ({ ...combined.details(), ...weighted }) };
    },
  };
}

function planJoin(known: KnownResult[], allowed: ResultKind[]): CombinePlan {
  const filled = known.filter(({ kind }) => kind !== "empty");
  const [first] = filled;
  if (first === undefined)
    throw new JobFailure("results_not_tabular", "Cannot join the results: all of them are empty.");
  for (const { result, kind } of filled) {
    if (!allowed.includes(kind))
      throw new JobFailure(
        "results_not_tabular",
        `Cannot join ${result.label}: it is no CSV, TSV, JSONL or Parquet file.`,
      );
    if (family(kind) !== family(first.kind)) throw mixed(first, { result, kind });
  }
  const results = filled.map(({ result }) => result);
  const empty = known.length - filled.length;
  return {
    mode: "concat",
    results,
    async combine() {
      const combined = await join(first.kind, results);
      return {
        ...combined,
        details: () => ({ ...combined.details(), ...(empty > 0 ? { empty_results: empty } : {}) }),
      };
    },
  };
}

async function join(kind: ResultKind, results: ResultFile[]): Promise<Combined> {
  if (kind === "parquet") return joinParquet(results);
  return kind === "jsonl" ? joinJsonLines(results) : joinCsv(results);
}

/** Delimited texts are told apart by their delimiters, which are looked at later. */
function family(kind: ResultKind): ResultKind {
  return kind === "tsv" || kind === "text" ? "csv" : kind;
}

function mixed(first: KnownResult, other: KnownResult): JobFailure {
  return new JobFailure(
    "results_differ",
    `The results do not fit together: ${first.result.label} is of the kind ${first.kind}, ${other.result.label} of the kind ${other.kind}.`,
  );
}

function describe(known: KnownResult[]): string {
  const odd = known.find(({ kind }) => !MODELS.includes(kind) && !TABLES.includes(kind));
  if (odd === undefined) return "the results are models and tables";
  return odd.kind === "empty"
    ? `the result of ${odd.result.label} is empty`
    : `the result of ${odd.result.label} is neither a table nor a model`;
}
