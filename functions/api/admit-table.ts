import type { Context } from "hono";
import type { Db } from "../../shared/db/connect-db.ts";
import type { QualifiedTable } from "../../shared/db/syncs.ts";
import { registerTable, type TableOptions, type TableRef } from "../../shared/db/tables.ts";
import { CorralError } from "../../shared/errors.ts";
import type { DataEnv } from "../../shared/http/app-env.ts";
import { awaitSource } from "./await-source.ts";

/** Registers a table once Snowflake was seen to have it. */
export async function admitTable(
  c: Context<DataEnv>,
  db: Db,
  name: QualifiedTable,
  options: TableOptions,
): Promise<TableRef> {
  const { table } = await awaitSource(c, db, (run) => registerTable(db, c.var.call.id, name, options, run));
  if (table === null) throw new CorralError("table_not_in_source");
  return table;
}
