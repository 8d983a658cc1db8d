import { z } from "zod";
import { JobFailure } from "../job-failure.ts";

/** What the driver's errors have in common: its own codes are numbers, Snowflake's are texts of six digits. */
const driverError = z.object({
  code: z.union([z.number(), z.string()]).optional(),
  sqlState: z.string().optional(),
  message: z.string(),
});

/** The code of what Snowflake, or its driver, refused; undefined for any other error. */
export function snowflakeCode(error: unknown): string | undefined {
  const { data } = driverError.safeParse(error);
  return data?.code === undefined ? undefined : String(data.code).padStart(6, "0");
}

/** Does not exist, or is not ours to see. */
const isMissingObject = (error: unknown) => snowflakeCode(error) === "002003";

/** Nobody gets in with these: wrong, locked, expired, from a network that is not allowed. */
const UNAUTHORIZED = /^3901(00|01|02|03|06|44|89|90|95)$|^3903\d\d$|^3904(22|31|32)$|^3942\d\d$|^40402\d$|^40405\d$/;
/** The driver reached nobody (401001, 401002, 402001, 402002), or the session ended under it. */
const UNAVAILABLE = /^401|^402|^407|^3901(11|12|14)$|^000603$|^000605$/;
const TIMED_OUT = "000630";
/** What the job needs for unloading has the same code as a table that is missing. */
const MISSING_INTEGRATION = "\nIntegration '";

/** Turns what the driver threw into a failure with a name; `doing` completes "Snowflake could not …". */
export function toSnowflakeFailure(error: unknown, doing: string): unknown {
  if (error instanceof JobFailure) return error;
  const code = snowflakeCode(error);
  if (code === undefined || !(error instanceof Error)) return error;
  const said = error.message.trim();
  if (UNAUTHORIZED.test(code))
    return new JobFailure("snowflake_unauthorized", `Snowflake does not let the job in: ${said}`, { cause: error });
  if (UNAVAILABLE.test(code))
    return new JobFailure("snowflake_unavailable", `Snowflake does not answer: ${said} (${code})`, {
      retryable: true,
      cause: error,
    });
  if (code === TIMED_OUT)
    return new JobFailure("sync_timeout", `Snowflake could not ${doing} in the time that was given.`, { cause: error });
  if (isMissingObject(error) && !said.includes(MISSING_INTEGRATION))
    return new JobFailure("table_not_in_source", `Snowflake could not ${doing}: ${said}`, { cause: error });
  return new JobFailure("snowflake_error", `Snowflake could not ${doing}: ${said}`, { cause: error });
}

/** The same at login, where whatever is not Snowflake's silence is about who we say that we are. */
export function toLoginFailure(error: unknown): JobFailure {
  const failure = toSnowflakeFailure(error, "let the job in");
  if (failure instanceof JobFailure && failure.code !== "snowflake_error") return failure;
  const said = error instanceof Error ? error.message : String(error);
  return new JobFailure("snowflake_unauthorized", `Cannot log in to Snowflake: ${said}`, { cause: error });
}
