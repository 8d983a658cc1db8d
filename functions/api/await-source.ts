import type { Context } from "hono";
import type { Db } from "../../shared/db/connect-db.ts";
import { getWaitLimits } from "../../shared/db/settings.ts";
import type { Source } from "../../shared/db/tables.ts";
import { CorralError, isErrorCode } from "../../shared/errors.ts";
import type { DataEnv } from "../../shared/http/app-env.ts";
import { awaitRun } from "../../shared/http/await-run.ts";
import { preferredWait } from "../../shared/http/prefer.ts";

/**
 * Asks, naming the run that looks at Snowflake, until the answer is fresh or the time is up, which `Prefer: wait=N` may
 * shorten. What could not be learned, or not in time, ends the request.
 */
export async function awaitSource<Answer extends Source>(
  c: Context<DataEnv>,
  db: Db,
  ask: (run: number | null) => Promise<Answer>,
): Promise<Answer> {
  let answer = await ask(null);
  if (answer.state === "waiting") {
    const { ceilingSeconds } = await getWaitLimits(db);
    const asked = preferredWait(c.req.header("prefer"));
    const seconds = Math.min(asked ?? ceilingSeconds, ceilingSeconds);
    if (asked !== undefined) c.header("preference-applied", `wait=${seconds}`);
    const askAgain = async () => {
      answer = await ask(answer.runId);
      return answer;
    };
    await awaitRun(askAgain, ({ state }) => state !== "waiting", { seconds, signal: c.req.raw.signal });
  }
  if (answer.state === "fresh") return answer;
  const code = answer.errorCode ?? "";
  throw isErrorCode(code)
    ? new CorralError(code, answer.errorMessage ?? undefined)
    : new CorralError("source_unavailable");
}
