/** A refusal as Snowflake words it: its six-digit code, SQLSTATE and message; the HTTP status stays 200. */
export class SnowflakeError extends Error {
  readonly code: string;
  readonly sqlState: string;
  readonly line: number;
  readonly pos: number;

  constructor(code: string, sqlState: string, message: string, place: { line: number; pos: number } = NOWHERE) {
    super(message);
    this.name = "SnowflakeError";
    this.code = code;
    this.sqlState = sqlState;
    this.line = place.line;
    this.pos = place.pos;
  }
}

const NOWHERE = { line: -1, pos: -1 };

const compilation = (text: string) => `SQL compilation error:\n${text}`;

export const syntaxError = (what: string, place: { line: number; pos: number }) =>
  new SnowflakeError(
    "001003",
    "42000",
    compilation(`syntax error line ${place.line} at position ${place.pos} unexpected '${what}'.`),
    place,
  );

/** SQLSTATE 42S02 is for tables and views; databases, schemas and integrations have 02000. */
export const noSuchObject = (kind: "Database" | "Schema" | "Object" | "Integration", name: string) =>
  new SnowflakeError(
    "002003",
    kind === "Object" ? "42S02" : "02000",
    compilation(`${kind} '${name}' does not exist or not authorized.`),
  );

/** As Snowflake's guide "Time Series Forecasting with Zepl" quotes it. */
export const noSuchLoginRole = (role: string) =>
  new SnowflakeError(
    "390189",
    "08004",
    `Role '${role}' specified in the connect string does not exist or not authorized. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.`,
  );

export const cannotOperate = () =>
  new SnowflakeError("002043", "02000", compilation("Object does not exist, or operation cannot be performed."));

export const objectExists = (name: string) =>
  new SnowflakeError("002002", "42710", compilation(`Object '${name}' already exists.`));

export const unsupported = (feature: string) =>
  new SnowflakeError("000002", "0A000", `Unsupported feature '${feature}'.`);

export const invalidIdentifier = (name: string, place = { line: 1, pos: 0 }) =>
  new SnowflakeError(
    "000904",
    "42000",
    `SQL compilation error: error line ${place.line} at position ${place.pos}\ninvalid identifier '${name}'`,
    place,
  );

export const unknownFunction = (name: string) =>
  new SnowflakeError("002140", "42601", compilation(`Unknown function ${name}`));

export const noDatabase = (what: string) =>
  new SnowflakeError(
    "090105",
    "22000",
    `Cannot perform ${what}. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.`,
  );

export const noTimeTravel = (name: string) =>
  new SnowflakeError(
    "000707",
    "02000",
    `Time travel data is not available for table ${name}. The requested time is either beyond the allowed time travel period or before the object creation time.`,
  );

export const invalidValue = (value: string, property: string) =>
  new SnowflakeError("001008", "22023", compilation(`invalid value [${value}] for parameter '${property}'`));

export const cancelled = () => new SnowflakeError("000604", "57014", "SQL execution canceled");

/** How STATEMENT_TIMEOUT_IN_SECONDS ends a statement. */
export const timedOut = (seconds: number) =>
  new SnowflakeError(
    "000630",
    "57014",
    `Statement reached its statement or warehouse timeout of ${seconds.toLocaleString("en-US")} second(s) and was canceled.`,
  );
