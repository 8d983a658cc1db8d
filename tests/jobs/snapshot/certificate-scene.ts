import { JobFailure } from "../../../jobs/job-failure.ts";
import type { CertifiedColumn } from "../../../jobs/snapshot/certified-column.ts";
import { type Certificate, type CertifyOptions, certify } from "../../../jobs/snapshot/certify.ts";
import { connectSnowflake } from "../../contracts/snowflake/connect-snowflake.ts";
import { LOGIN, serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";
import { openScratch, UNSTOPPED } from "./open-scratch.ts";

/** A column as both sides declare and fill it. */
export interface Sides {
  column: CertifiedColumn;
  /** Snowflake's type, and DuckDB's. */
  types: [source: string, snapshot: string];
  /** Each value as both dialects write it; one text when they write it alike. */
  values: (string | [source: string, snapshot: string])[];
}

export const SOURCE = '"CORRAL"."PUBLIC"."SIDES"';
export const MOMENT = "2026-01-31 12:00:00.123";

/** A table SIDES in Snowflake, read by its own driver, and `data` in DuckDB; neither was made of the other. */
export async function startCertificateScene() {
  const served = await serveSnowflake();
  const client = await connectSnowflake({
    ...{ account: "acct", accessUrl: served.url, username: LOGIN.login, password: LOGIN.password },
    ...{ database: "CORRAL", schema: "PUBLIC" },
  });
  const scratch = await openScratch();
  const { connection } = await scratch.open(null);

  /** Cells by position, as the driver gives them. */
  async function ask(sql: string): Promise<(string | null)[][]> {
    const rows = await client.rows(sql, { rowMode: "array" });
    return rows.map((row) => Object.values(row).map((cell) => (cell === null ? null : String(cell))));
  }

  const compare = (columns: CertifiedColumn[], more: Partial<CertifyOptions> = {}): Promise<Certificate> =>
    certify({
      ...{ ask, source: SOURCE, connection, columns, mode: "always", moment: MOMENT, fixedMoment: true },
      ...{ signal: UNSTOPPED, ...more },
    });

  return {
    client,
    connection,
    compare,

    /** Fills both tables; the columns have equally many values. */
    async fill(columns: Sides[]): Promise<void> {
      const declare = (side: 0 | 1) => columns.map(({ column, types }) => `"${column.name}" ${types[side]}`).join(", ");
      const rows = (columns[0]?.values ?? []).map((_, at) => columns.map(({ values }) => values[at] ?? "NULL"));
      const select = (side: 0 | 1) =>
        rows
          .map((row) => `SELECT ${row.map((value) => (typeof value === "string" ? value : value[side])).join(", ")}`)
          .join(" UNION ALL ");
      await client.rows(`CREATE OR REPLACE TABLE SIDES (${declare(0)})`);
      await connection.run(`CREATE OR REPLACE TABLE data (${declare(1)})`);
      if (rows.length === 0) return;
      await client.rows(`INSERT INTO SIDES ${select(0)}`);
      await connection.run(`INSERT INTO data ${select(1)}`);
    },

    async refusal(columns: CertifiedColumn[], more: Partial<CertifyOptions> = {}): Promise<JobFailure> {
      const failure = await compare(columns, more).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (!(failure instanceof JobFailure)) throw new Error(`not refused: ${failure}`);
      return failure;
    },

    async close() {
      await client.destroy();
      await scratch.close();
      await served.close();
    },
  };
}

export type CertificateScene = Awaited<ReturnType<typeof startCertificateScene>>;

/** Snowflake's timestamps with a zone, and what a snapshot has beside them. */
export const ZONED: Sides = {
  column: { name: "C", kind: "timestamp_tz", textColumn: "C_EXACT", offsetColumn: "C_OFFSET" },
  types: ["TIMESTAMP_TZ(9)", "TIMESTAMP"],
  values: [
    ["'9999-12-31 23:59:59.123456789 -08:00'", "'10000-01-01 07:59:59.123456'"],
    ["'0001-01-01 00:00:00.000000001 +05:45'", "'0000-12-31 18:15:00'"],
    ["'1969-12-31 23:59:59.999999999 +00:00'", "'1969-12-31 23:59:59.999999'"],
    "NULL",
  ],
};
/** Columns that only the snapshot has. */
export const ZONED_TEXT: Sides = {
  column: { name: "C_EXACT", kind: "text" },
  types: ["VARCHAR", "VARCHAR"],
  values: ["'10000-01-01 07:59:59.123456789'", "'0000-12-31 18:15:00.000000001'", "'1969-12-31 23:59:59.999999999'"],
};
export const ZONED_OFFSET: Sides = {
  column: { name: "C_OFFSET", kind: "number", scale: 0 },
  types: ["INT", "SMALLINT"],
  values: ["-480", "345", "0"],
};

/** Snowflake's times with nanoseconds, and what a snapshot has beside them. */
export const CLOCK: Sides = {
  column: { name: "C", kind: "time", textColumn: "C_EXACT" },
  types: ["TIME(9)", "TIME"],
  values: [["'00:00:00.000000001'", "'00:00:00'"], ["'23:59:59.999999999'", "'23:59:59.999999'"], "NULL"],
};
export const CLOCK_TEXT: Sides = {
  column: { name: "C_EXACT", kind: "text" },
  types: ["VARCHAR", "VARCHAR"],
  values: ["'00:00:00.000000001'", "'23:59:59.999999999'", "NULL"],
};
