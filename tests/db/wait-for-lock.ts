import type pg from "pg";
import type { TestDatabase } from "../setup/database.ts";

/** A statement on a connection of its own, which waits for a lock that another holds. */
export interface BlockedStatement<T> {
  /** Resolves once the lock was given and the statement ran. */
  result: Promise<T>;
}

/** Starts a statement and resolves once Postgres says that it waits for a lock. */
export async function startBlocked<T extends pg.QueryResultRow>(
  db: TestDatabase,
  statement: string,
  params: unknown[] = [],
): Promise<BlockedStatement<T>> {
  const client = await db.connect();
  const [backend] = (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows;
  let failure: unknown;
  let isDone = false;
  const result = client.query<T>(statement, params).then(firstRow<T>);
  result.then(
    () => {
      isDone = true;
    },
    (error: unknown) => {
      isDone = true;
      failure = error;
    },
  );
  for (;;) {
    const waiting = await db.sql(
      "select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock' and state = 'active'",
      [backend?.pid],
    );
    if (waiting.length > 0) return { result };
    if (isDone) throw new Error("The statement did not have to wait for any lock", { cause: failure });
  }
}

function firstRow<T extends pg.QueryResultRow>({ rows }: pg.QueryResult<T>): T {
  const [row] = rows;
  if (row === undefined) throw new Error("Expected a row");
  return row;
}
