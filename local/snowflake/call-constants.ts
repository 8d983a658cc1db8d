import type { Execution } from "./execution.ts";
import { quoteText } from "./sql/identifiers.ts";

const SHOWN_VERSION = "9.40.3";

/** What the session's functions without arguments answer, as literals of DuckDB. */
export function callConstants({ session, now, query }: Execution): Map<string, string> {
  const text = (value: string | undefined) => (value === undefined ? "NULL::VARCHAR" : quoteText(value));
  const nanos = `${now}000000::HUGEINT`;
  const moment = `{'ltz': ${nanos}}`;
  const wall = `sf_wall(${moment})`;
  return new Map(
    Object.entries({
      CURRENT_TIMESTAMP: moment,
      LOCALTIMESTAMP: moment,
      GETDATE: moment,
      SYSTIMESTAMP: moment,
      SYSDATE: `{'ntz': ${nanos}}`,
      CURRENT_DATE: `sf_to_date(sf_mkntz(${wall}))`,
      CURRENT_TIME: `sf_to_time(sf_mkntz(${wall}))`,
      LOCALTIME: `sf_to_time(sf_mkntz(${wall}))`,
      CURRENT_USER: text(session.user.login.toUpperCase()),
      CURRENT_ROLE: text(session.role),
      CURRENT_DATABASE: text(session.database),
      CURRENT_SCHEMA: text(session.schema),
      CURRENT_WAREHOUSE: text(session.warehouse),
      CURRENT_SESSION: text(session.id),
      CURRENT_STATEMENT: text(query.sql),
      CURRENT_ACCOUNT: text("CORRAL"),
      CURRENT_ACCOUNT_NAME: text("CORRAL"),
      CURRENT_ORGANIZATION_NAME: text("LOCAL"),
      CURRENT_REGION: text("LOCAL"),
      CURRENT_VERSION: text(SHOWN_VERSION),
      CURRENT_CLIENT: text("stand-in"),
      CURRENT_TRANSACTION: session.transaction === undefined ? "NULL::VARCHAR" : text(session.id),
      CURRENT_SECONDARY_ROLES: text('{"roles":"","value":""}'),
    }),
  );
}
