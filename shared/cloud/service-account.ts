import { z } from "zod";

/** A service account's key file, as far as tokens and signatures are made from it. */
const serviceAccount = z.object({
  project_id: z.string().min(1),
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
});

export type ServiceAccountKey = z.infer<typeof serviceAccount>;

/** Parses the text of such a key file, as an environment variable holds it. */
export const serviceAccountJson = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue("must be the JSON of a service account's key file");
      return z.NEVER;
    }
  })
  .pipe(serviceAccount);
