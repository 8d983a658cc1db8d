import { z } from "zod";

/** What every job is told by its environment. */
export const jobEnv = z.object({
  SUPABASE_URL: z.url(),
  SUPABASE_SERVICE_ROLE_KEY: z.string(),
  RUN_ID: z.coerce.number().int().positive(),
  RUN_ATTEMPT: z.coerce.number().int().positive(),
  /** Set by Cloud Run. */
  CLOUD_RUN_EXECUTION: z.string(),
  STORAGE_BUCKET: z.string(),
  /** Another server than Google's. */
  STORAGE_ENDPOINT: z.url().optional(),
});

/** Reads the environment, an empty variable like a missing one; the error names what is wrong, never a value. */
export function readEnv<T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv): z.output<T> {
  const { success, data, error } = schema.safeParse(
    Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")),
  );
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new Error(`The job's environment is wrong. ${problems.join("; ")}`);
}
