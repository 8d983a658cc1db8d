import { invalidValue, SnowflakeError } from "./snowflake-error.ts";

export type ParameterValue = string | number | boolean;

/**
 * The session's parameters and their defaults; the driver formats by those of each reply, not by those of the login.
 * https://docs.snowflake.com/en/sql-reference/parameters
 */
const DEFAULTS: Record<string, ParameterValue> = {
  ABORT_DETACHED_QUERY: false,
  AUTOCOMMIT: true,
  BINARY_INPUT_FORMAT: "HEX",
  BINARY_OUTPUT_FORMAT: "HEX",
  CLIENT_MEMORY_LIMIT: 1536,
  CLIENT_PREFETCH_THREADS: 4,
  CLIENT_RESULT_CHUNK_SIZE: 160,
  CLIENT_RESULT_PREFETCH_SLOTS: 2,
  CLIENT_RESULT_PREFETCH_THREADS: 1,
  CLIENT_SESSION_KEEP_ALIVE: false,
  CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY: 3600,
  /** The driver stages arrays above this many cells with PUT; never, here. */
  CLIENT_STAGE_ARRAY_BINDING_THRESHOLD: 1_000_000_000,
  CLIENT_TELEMETRY_ENABLED: false,
  DATE_INPUT_FORMAT: "AUTO",
  DATE_OUTPUT_FORMAT: "YYYY-MM-DD",
  ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION: true,
  JS_TREAT_INTEGER_AS_BIGINT: false,
  LOCK_TIMEOUT: 43200,
  MULTI_STATEMENT_COUNT: 1,
  QUERY_TAG: "",
  QUOTED_IDENTIFIERS_IGNORE_CASE: false,
  ROWS_PER_RESULTSET: 0,
  STATEMENT_QUEUED_TIMEOUT_IN_SECONDS: 0,
  STATEMENT_TIMEOUT_IN_SECONDS: 172800,
  TIMESTAMP_DAY_IS_ALWAYS_24H: false,
  TIMESTAMP_INPUT_FORMAT: "AUTO",
  TIMESTAMP_LTZ_OUTPUT_FORMAT: "",
  TIMESTAMP_NTZ_OUTPUT_FORMAT: "YYYY-MM-DD HH24:MI:SS.FF3",
  TIMESTAMP_OUTPUT_FORMAT: "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
  TIMESTAMP_TYPE_MAPPING: "TIMESTAMP_NTZ",
  TIMESTAMP_TZ_OUTPUT_FORMAT: "",
  TIMEZONE: "America/Los_Angeles",
  TIME_INPUT_FORMAT: "AUTO",
  TIME_OUTPUT_FORMAT: "HH24:MI:SS",
  TRANSACTION_ABORT_ON_ERROR: false,
  TRANSACTION_DEFAULT_ISOLATION_LEVEL: "READ COMMITTED",
  TWO_DIGIT_CENTURY_START: 1970,
  UNSUPPORTED_DDL_ACTION: "ignore",
  USE_CACHED_RESULT: true,
  WEEK_OF_YEAR_POLICY: 0,
  WEEK_START: 0,
  PYTHON_CONNECTOR_QUERY_RESULT_FORMAT: "JSON",
  CLIENT_ENABLE_LOG_INFO_STATEMENT_PARAMETERS: false,
};

/** The parameters of one session. */
export class SessionParameters {
  readonly #set = new Map<string, ParameterValue>();

  get(name: string): ParameterValue | undefined {
    return this.#set.get(name) ?? DEFAULTS[name];
  }

  text(name: string): string {
    return String(this.get(name) ?? "");
  }

  number(name: string): number {
    return Number(this.get(name) ?? 0);
  }

  set(name: string, value: ParameterValue): void {
    const standard = DEFAULTS[name];
    if (standard === undefined)
      throw new SnowflakeError("001008", "22023", `SQL compilation error:\ninvalid parameter '${name}'`);
    if (name === "TIMEZONE" && !isTimeZone(String(value))) throw invalidValue(String(value), name);
    if (name === "QUERY_TAG" && String(value).length > 2000) throw invalidValue(String(value), name);
    this.#set.set(name, coerce(value, standard));
  }

  /** What a client asks for at login; parameters that are unknown here do not matter. */
  adopt(wanted: Record<string, unknown>): void {
    for (const [key, value] of Object.entries(wanted)) {
      const name = key.toUpperCase();
      const known = DEFAULTS[name] !== undefined;
      if (known && (typeof value === "string" || typeof value === "number" || typeof value === "boolean"))
        this.set(name, value);
    }
  }

  unset(name: string): void {
    this.#set.delete(name);
  }

  list(): { name: string; value: ParameterValue }[] {
    return Object.keys(DEFAULTS).map((name) => ({ name, value: this.get(name) ?? "" }));
  }

  isSet(name: string): boolean {
    return this.#set.has(name);
  }

  static default(name: string): ParameterValue | undefined {
    return DEFAULTS[name];
  }
}

function coerce(value: ParameterValue, standard: ParameterValue): ParameterValue {
  if (typeof standard === "boolean") return String(value).toLowerCase() === "true";
  return typeof standard === "number" ? Number(value) : String(value);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
