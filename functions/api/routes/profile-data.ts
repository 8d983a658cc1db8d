import { profileReply, profileRequest } from "../../../shared/contract/data.ts";
import { queryReply, waitHeaders } from "../../../shared/contract/queries.ts";
import { getDataTable } from "../../../shared/db/data.ts";
import type { DataEnv } from "../../../shared/http/app-env.ts";
import { createRoute, createRouter, jsonBody, jsonReply, refusals } from "../../../shared/http/create-router.ts";
import { readProfile } from "../../../shared/profile/read-profile.ts";
import type { Deps } from "../app.ts";
import { tableProfileSql } from "../data-sql.ts";
import { randomSeed, toRowCount } from "../draw-rows.ts";
import { requireNoFailure } from "../query-files.ts";
import { isOver, runQuery } from "../run-query.ts";
import { toDataTable } from "../to-data-table.ts";
import { toProfileReply } from "../to-profile-reply.ts";
import { toQueryReply } from "../to-query-reply.ts";

/** Long enough for a container to start. */
const DEFAULT_WAIT_SECONDS = 30;
/** Of a profile's rows, which are read into memory. */
const MAX_BYTES = 8 * 1024 * 1024;

const route = createRoute({
  method: "post",
  path: "/data/profile",
  operationId: "profileData",
  summary: "Tell what each column of a table holds",
  request: { body: jsonBody(profileRequest), headers: waitHeaders },
  responses: {
    200: jsonReply(profileReply, "What each column holds"),
    202: jsonReply(queryReply, "A query computes it, and goes on"),
    ...refusals,
  },
});

/**
 * Tells what a table's columns hold: as its sync has computed it, or anew by a query, for which it waits 30 seconds
 * unless `Prefer: wait=N` says otherwise.
 */
export const profileDataRoute = ({ db, snapshots, results, watch }: Deps) =>
  createRouter<DataEnv>().openapi(route, async (c) => {
    const { table_name: table, schema_name, force_refresh, sample_size } = c.req.valid("json");
    const row = await getDataTable(db, c.var.call.id, { schema: schema_name ?? null, table });
    const sight = toDataTable(row);
    if (!force_refresh) {
      const profile = await snapshots.readProfile(row.folder);
      return c.json(toProfileReply(sight, profile, "sync"), 200);
    }
    const count = toRowCount(sample_size ?? sight.row_count, sight.row_count);
    const drawn = count < sight.row_count ? { count, seed: randomSeed() } : undefined;
    const sql = tableProfileSql(sight, drawn);
    const spec = { sql, parameters: null, outputFormat: "json", limits: { bytes: MAX_BYTES } } as const;
    const query = await runQuery(c, { db, watch }, spec, { defaultSeconds: DEFAULT_WAIT_SECONDS });
    if (!isOver(query)) return c.json(await toQueryReply(query, results), 202);
    requireNoFailure(query);
    const rows = await results.readJson(await results.getResult(query));
    return c.json(toProfileReply(sight, readProfile(rows, sight.columns), "query"), 200);
  });
