import type { Table } from "./catalog.ts";
import type { Connection } from "./connection.ts";
import type { Queries, Query } from "./queries.ts";
import type { StoredResult } from "./result-writer.ts";
import type { Session } from "./sessions.ts";
import type { Node } from "./sql/token-tree.ts";
import type { Warehouse } from "./warehouse.ts";

/** Where COPY INTO writes to: our Cloud Storage, and what must be named to write there. */
export interface StorageTarget {
  url: string;
  bucket: string;
  /** The storage integration, as Snowflake keeps its name: in capitals unless it was quoted. */
  integration: string;
}

/** One statement on its way, and all that it may need. */
export interface Execution {
  warehouse: Warehouse;
  queries: Queries;
  session: Session;
  query: Query;
  storage: StorageTarget;
  /** The text that the nodes' places refer to. */
  sql: string;
  nodes: Node[];
  connection: Connection;
  /** Milliseconds since 1970, as CURRENT_TIMESTAMP tells it throughout the statement. */
  now: number;
  /** The tables that were named, for the bytes scanned. */
  named: Set<Table>;
}

export interface Outcome {
  result: StoredResult;
  statementType: number;
}

/** Statement types as the driver reads them (core.js, `statement_type`). */
export const STATEMENT = {
  select: 0x1000,
  insert: 0x3100,
  update: 0x3200,
  delete: 0x3300,
  merge: 0x3400,
  copy: 0x3600,
  session: 0x4000,
  transaction: 0x5000,
  ddl: 0x6000,
  show: 0x7000,
  multi: 0xa000,
} as const;
