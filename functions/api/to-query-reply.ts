import { z } from "zod";
import type { QueryReply } from "../../shared/contract/queries.ts";
import type { QueryRow } from "../../shared/db/queries.ts";
import type { QueryFiles } from "./query-files.ts";

const columns = z.array(z.object({ name: z.string(), type: z.string() })).nullable();
const preview = z.array(z.array(z.unknown())).nullable();
const details = z.record(z.string(), z.unknown()).nullable();

/** A query as its swarm reads it. */
export async function toQueryReply(query: QueryRow, files: QueryFiles): Promise<QueryReply> {
  const url = query.status === "completed" ? await files.findUrl(query) : null;
  return {
    query_id: query.query_id,
    job_id: query.query_id,
    task_id: query.query_id,
    status: query.status,
    query: query.sql,
    output_format: query.output_format,
    created_at: query.created_at,
    started_at: query.started_at,
    finished_at: query.finished_at,
    columns: columns.parse(query.columns),
    preview: preview.parse(query.preview),
    is_cut: query.is_cut,
    row_count: query.row_count,
    result_file: url,
    result_url: url,
    result_bytes: query.result_bytes,
    receipt: details.parse(query.receipt),
    error: query.error,
    error_code: query.error_code,
    stats: details.parse(query.stats),
  };
}
