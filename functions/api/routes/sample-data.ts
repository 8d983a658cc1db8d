import { z } from "zod";
import { ByteBudget } from "../../../shared/byte-budget.ts";
import type { Cell } from "../../../shared/cell.ts";
import { CONTENT_TYPES } from "../../../shared/content-types.ts";
import { sampleReply, sampleRequest } from "../../../shared/contract/data.ts";
import { queryReply, waitHeaders } from "../../../shared/contract/queries.ts";
import { getDataTable } from "../../../shared/db/data.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, refusals } from "../../../shared/http/create-router.ts";
import type { Deps } from "../app.ts";
import { firstRowsSql, randomRowsSql } from "../data-sql.ts";
import { deliverResult } from "../deliver-result.ts";
import { drawRows, randomSeed, toRowCount } from "../draw-rows.ts";
import { requireNoFailure, versionRead } from "../query-files.ts";
import { renderCsv, renderJson } from "../render-rows.ts";
import { isOver, runQuery } from "../run-query.ts";
import { showColumns } from "../show-columns.ts";
import type { Sample } from "../snapshot-files.ts";
import { tellWhenRead } from "../tell-when-read.ts";
import { toDataTable } from "../to-data-table.ts";
import { toQueryReply } from "../to-query-reply.ts";

/** Who asks for rows wants rows: long enough for a container to start. */
const DEFAULT_WAIT_SECONDS = 30;
/** Of a reply; ten thousand rows of twenty columns fit. */
const MAX_INLINE_LENGTH = 4 * 1024 * 1024;
/** Replies up to here wait for no others. */
const SMALL_LENGTH = 128 * 1024;
/** Of larger replies that are rendered and not yet read. A character takes up to three bytes, and a function has 256 MB. */
const HELD_LENGTH = 6 * MAX_INLINE_LENGTH;

const headers = z.object({
  "x-snapshot-version": z.string().describe("Of the snapshot that the rows are from"),
  "x-sample-seed": z.string().describe("With this `seed`, the same call gives the same rows of the same version again"),
});

const route = createRoute({
  method: "post",
  path: "/data/sample",
  operationId: "sampleData",
  summary: "Read the first rows of a table, or random ones",
  description:
    "A sync stores a table's first 1,000 rows and 10,000 random ones, fewer where they are large. Those come at once as JSON and CSV, up to 4 MiB of them; more, and Parquet, are read by a query, for which the call waits 30 seconds unless `Prefer: wait=N` says otherwise.",
  request: { body: jsonBody(sampleRequest), headers: waitHeaders },
  responses: {
    200: {
      description: "The rows",
      headers,
      content: {
        "application/json": { schema: sampleReply },
        "text/csv": { schema: { type: "string" } },
        "application/vnd.apache.parquet": { schema: { type: "string", format: "binary" } },
      },
    },
    202: {
      description: "A query draws the rows, and goes on",
      content: { "application/json": { schema: queryReply } },
    },
    303: { description: "The rows are many, and to be read there", headers },
    ...refusals,
  },
});

type Wish = z.output<typeof sampleRequest>;
interface Draw {
  type: Wish["sample_type"];
  count: number;
  seed: number;
}

/**
 * Draws rows of a table: from those that its sync has drawn where they are enough, else by a query, for which it waits
 * 30 seconds unless `Prefer: wait=N` says otherwise.
 */
export const sampleDataRoute = ({ db, snapshots, results, watch }: Deps) => {
  const budget = new ByteBudget(HELD_LENGTH);
  return createRouter<DataEnv>().openapi(route, async (c) => {
    const { table_name: table, schema_name, ...wish } = c.req.valid("json");
    const row = await getDataTable(db, c.var.call.id, { schema: schema_name ?? null, table });
    const sight = toDataTable(row);
    const draw: Draw = {
      type: wish.sample_type,
      count: toRowCount(wish.sample_size, sight.row_count),
      seed: wish.seed ?? randomSeed(),
    };
    c.header("x-sample-seed", String(draw.seed));
    if (wish.output_format !== "parquet") {
      const sample = await snapshots.readSample(row.folder);
      const rows = drawStored(sample, draw);
      const columns = showColumns(sample.columns, sight.columns);
      const toText = wish.output_format === "csv" ? renderCsv : renderJson;
      const reply =
        rows.length < draw.count
          ? undefined
          : await renderWithin(budget, (maxLength) => toText(columns, rows, maxLength));
      if (reply !== undefined) {
        c.set("rows", rows.length);
        c.header("x-snapshot-version", sight.version);
        c.header("content-type", CONTENT_TYPES[wish.output_format]);
        c.header("content-length", String(reply.bytes));
        return c.body(reply.body, 200);
      }
    }
    const sql = draw.type === "first" ? firstRowsSql(sight, draw.count) : randomRowsSql(sight, draw);
    const spec = { sql, parameters: null, outputFormat: wish.output_format, limits: null };
    const query = await runQuery(c, { db, watch }, spec, { defaultSeconds: DEFAULT_WAIT_SECONDS });
    if (!isOver(query)) return c.json(await toQueryReply(query, results), 202);
    requireNoFailure(query);
    const version = versionRead(query);
    if (version !== undefined) c.header("x-snapshot-version", version);
    return deliverResult(c, await results.getResult(query));
  });
};

/** As many of the rows that the sync has drawn as are asked for, or all that it has. */
const drawStored = ({ first, random }: Sample, { type, count, seed }: Draw): Cell[][] =>
  type === "first" ? first.slice(0, count) : drawRows(random, count, seed);

/** Renders a small reply at once, and a larger one in the room that is left until it is read; undefined when too large. */
async function renderWithin(budget: ByteBudget, render: (maxLength: number) => string | undefined) {
  const small = render(SMALL_LENGTH);
  if (small !== undefined) return toReply(small, (content) => content);
  const release = await budget.take(MAX_INLINE_LENGTH);
  let isHeld = false;
  try {
    const text = render(MAX_INLINE_LENGTH);
    if (text === undefined) return undefined;
    isHeld = true;
    return toReply(text, (content) => tellWhenRead(content, release));
  } finally {
    if (!isHeld) release();
  }
}

function toReply<Body>(text: string, toBody: (content: Uint8Array<ArrayBuffer>) => Body) {
  const content = new TextEncoder().encode(text);
  return { body: toBody(content), bytes: content.length };
}
