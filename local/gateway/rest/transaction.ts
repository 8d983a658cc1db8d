import { createHash } from "node:crypto";
import type { Pool, QueryResult } from "pg";
import { z } from "zod";
import type { Statement } from "./sql.ts";
import { refuseUnreachable } from "./to-rest-error.ts";

/** One request's work in Postgres: who asks, what is asked, and whether it may write. */
export interface Transaction {
  /** Settings for this transaction alone, `role` among them. */
  settings: [name: string, value: string][];
  statement: Statement;
  readOnly: boolean;
  /** Statements of few shapes are prepared once per connection. */
  prepared: boolean;
}

const resultRow = z.object({
  /** JSON text. */
  body: z.string().nullable(),
  /** Rows on this page, and in all when that was asked for. */
  page: z.string().transform(Number),
  total: z.string().transform(Number).nullable(),
  response_headers: z.string().nullable(),
  response_status: z.string().nullable(),
});

export type StatementResult = z.infer<typeof resultRow>;

/** Runs it in one round trip: everything is sent at once, and an error in the middle makes the commit a rollback. */
export async function runTransaction(pool: Pool, transaction: Transaction): Promise<StatementResult> {
  const { settings, statement, readOnly, prepared } = transaction;
  const client = await pool.connect().catch(refuseUnreachable);
  try {
    const { stream } = client.connection;
    stream.cork();
    const sent = [
      client.query(readOnly ? "begin read only" : "begin"),
      client.query({
        name: `settings-${settings.length}`,
        text: settingsText(settings.length),
        values: settings.flat(),
      }),
      client.query(prepared ? { name: statementName(statement.text), ...statement } : statement),
      client.query("commit"),
    ];
    stream.uncork();
    const [, , result] = await allInOrder(sent).catch(refuseUnreachable);
    return resultRow.parse(result?.rows[0]);
  } finally {
    client.release();
  }
}

/** Waits for all, so that the connection is idle again, then throws the first error: later ones only follow from it. */
async function allInOrder(sent: Promise<QueryResult>[]): Promise<QueryResult[]> {
  const outcomes = await Promise.allSettled(sent);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}

function settingsText(count: number): string {
  const calls = Array.from({ length: count }, (_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, true)`);
  return `select ${calls.join(", ")}`;
}

const statementNames = new Map<string, string>();

function statementName(text: string): string {
  let name = statementNames.get(text);
  if (name === undefined) {
    name = createHash("sha256").update(text).digest("hex").slice(0, 32);
    statementNames.set(text, name);
  }
  return name;
}
