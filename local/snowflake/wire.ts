import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { ColumnType } from "./column-type.ts";
import { MAX_TEXT } from "./column-type.ts";
import type { Query } from "./queries.ts";
import type { ResultColumn } from "./result-writer.ts";
import type { SessionParameters } from "./session-parameters.ts";
import { SnowflakeError } from "./snowflake-error.ts";

const unpack = promisify(gunzip);
const LARGEST_BODY = 64 * 1024 * 1024;

/** Reads a JSON body, gzipped or not; Python's client sends the first, Node's the second. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    const bytes: Buffer = part;
    size += bytes.length;
    if (size > LARGEST_BODY) throw new SnowflakeError("413", "22000", "Request entity too large.");
    parts.push(bytes);
  }
  const body = Buffer.concat(parts);
  if (body.length === 0) return {};
  const gzipped = body[0] === 0x1f && body[1] === 0x8b;
  try {
    return JSON.parse((gzipped ? await unpack(body) : body).toString());
  } catch {
    throw new SnowflakeError("391902", "22000", "The request body is not JSON.");
  }
}

/** Drivers parse only what calls itself application/json. */
export function sendJson(response: ServerResponse, body: unknown): void {
  sendText(response, JSON.stringify(body));
}

export function sendText(response: ServerResponse, json: string): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(json);
}

export const success = (data: unknown) => ({ data, code: null, message: null, success: true });

/** A refusal: HTTP 200, since drivers would try again after anything else. */
export function refusal(error: SnowflakeError, query?: Query) {
  const { code, sqlState, message, line, pos } = error;
  const data = {
    internalError: false,
    unredactedFromSecureObject: false,
    ...{ errorCode: code, age: 0, sqlState, queryId: query?.id ?? null, line, pos, type: "COMPILATION" },
  };
  return { data, code, message, success: false, headers: null };
}

/** A column as results describe it. */
function toRowType({ name, type, nullable, database = "", schema = "", table = "" }: ResultColumn) {
  const { length, precision, scale } = sizes(type);
  return {
    ...{ name, database, schema, table, nullable, type: type.kind, length, precision, scale },
    ...{ byteLength: type.kind === "text" ? Math.min(MAX_TEXT, (length ?? MAX_TEXT) * 4) : length, collation: null },
  };
}

function sizes({ kind, length, precision, scale }: ColumnType) {
  const none = null;
  if (kind === "fixed") return { length: none, precision: precision ?? 38, scale: scale ?? 0 };
  if (kind === "text" || kind === "binary") return { length: length ?? MAX_TEXT, precision: none, scale: none };
  if (kind === "time" || kind.startsWith("timestamp")) return { length: none, precision: 0, scale: scale ?? 9 };
  return { length: none, precision: none, scale: none };
}

/** The reply to a query that succeeded; its first rows are JSON already. */
export function resultJson(query: Query, parameters: SessionParameters, url: string, describeOnly: boolean): string {
  const { session, result, children } = query;
  if (result === undefined) throw new Error(`Query ${query.id} has no result`);
  const data = {
    parameters: parameters.list(),
    rowtype: result.columns.map(toRowType),
    total: result.total,
    returned: describeOnly ? 0 : result.total,
    queryId: query.id,
    databaseProvider: null,
    finalDatabaseName: session.database ?? null,
    finalSchemaName: session.schema ?? null,
    finalWarehouseName: session.warehouse ?? null,
    finalRoleName: session.role,
    numberOfBinds: 0,
    arrayBindSupported: query.statementType === 0x3100,
    statementTypeId: query.statementType,
    version: 1,
    sendResultTime: Date.now(),
    queryResultFormat: "json",
    ...(result.chunks.length > 0 && !describeOnly
      ? {
          chunks: result.chunks.map(({ name, ...sizes }) => ({ url: `${url}/_chunks/${query.id}/${name}`, ...sizes })),
          chunkHeaders: { "x-corral-result": query.id },
        }
      : {}),
    ...(children.length > 0
      ? {
          resultIds: children.map(({ id }) => id).join(","),
          resultTypes: children.map(({ statementType }) => statementType).join(","),
        }
      : {}),
  };
  const head = JSON.stringify(data).slice(0, -1);
  return `{"data":${head},"rowset":[${describeOnly ? "" : result.inline}]},"code":null,"message":null,"success":true}`;
}
