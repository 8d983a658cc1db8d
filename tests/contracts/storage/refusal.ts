import { z } from "zod";

const failure = z.object({ code: z.number().optional(), status: z.number().optional() });

/** Resolves to the HTTP status with which a call was refused; the SDK puts it here or there. */
export async function refusal(call: Promise<unknown>): Promise<number | undefined> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome === undefined) return undefined;
  const { code, status } = failure.parse(outcome);
  return code ?? status;
}
