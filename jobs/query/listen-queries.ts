import pg from "pg";

export interface QueryListener {
  close: () => Promise<void>;
}

const CHANNEL = "corral_queries";
const RETRY_MS = 5000;

/**
 * Calls whenever somebody submits a query, as far as Postgres can be listened to: a hint, which spares whoever polls
 * the wait. The address must be of a session (a pooler in transaction mode passes no notifications on).
 */
export function listenQueries(databaseUrl: string, onQuery: () => void, log: (line: string) => void): QueryListener {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: databaseUrl, application_name: "corral-query" });
    client = next;
    next.on("notification", onQuery);
    next.on("error", () => undefined);
    next.once("end", retry);
    try {
      await next.connect();
      await next.query(`LISTEN ${CHANNEL}`);
      onQuery();
    } catch (error) {
      log(`Postgres cannot be listened to: ${error instanceof Error ? error.message : error}`);
      await next.end().catch(retry);
    }
  }

  function retry(): void {
    if (isClosed) return;
    clearTimeout(timer);
    timer = setTimeout(connect, RETRY_MS);
  }

  void connect();
  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
