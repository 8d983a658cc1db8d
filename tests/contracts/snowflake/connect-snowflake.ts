import snowflake from "snowflake-sdk";

snowflake.configure({ logLevel: "OFF" });

export type Row = Record<string, unknown>;
type Execute = Parameters<snowflake.Connection["execute"]>[0];

/** Connects snowflake-sdk, unmodified. */
export async function connectSnowflake(options: snowflake.ConnectionOptions) {
  const connection = snowflake.createConnection({ sfRetryMaxLoginRetries: 0, ...options });
  await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
  return {
    connection,

    /** Runs a statement to its end; resolves to its rows. */
    rows: (sqlText: string, more: Omit<Execute, "sqlText" | "complete"> = {}): Promise<Row[]> =>
      new Promise((resolve, reject) => {
        connection.execute({
          sqlText,
          ...more,
          complete: (error, _statement, rows) => (error ? reject(error) : resolve(rows ?? [])),
        });
      }),

    /** Runs a statement; resolves to it once its first rows are there. */
    statement: (sqlText: string, more: Omit<Execute, "sqlText" | "complete"> = {}): Promise<snowflake.RowStatement> =>
      new Promise((resolve, reject) => {
        connection.execute({
          sqlText,
          ...more,
          complete: (error, statement) => (error ? reject(error) : resolve(statement)),
        });
      }),

    destroy: (): Promise<void> =>
      new Promise((resolve, reject) => connection.destroy((error) => (error ? reject(error) : resolve()))),
  };
}

export type Client = Awaited<ReturnType<typeof connectSnowflake>>;
