import type { z } from "zod";
import { AuthError } from "./auth-error.ts";

const MIN_PASSWORD_LENGTH = 6;
/** bcrypt reads no further. */
const MAX_PASSWORD_BYTES = 72;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

/** Parses a request's JSON body; clients may send fields that are not known here. */
export async function readBody<T extends z.ZodType>(request: Request, schema: T): Promise<z.output<T>> {
  const text = await request.text();
  const parsed = schema.safeParse(parseJson(text === "" ? "{}" : text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AuthError(400, "validation_failed", `${issue?.path.join(".")}: ${issue?.message}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AuthError(400, "bad_json", `Could not parse request body as JSON: ${reason}`);
  }
}

/** The address as it is stored: in lower case. */
export function validEmail(email: string): string {
  if (EMAIL.test(email)) return email.toLowerCase();
  throw new AuthError(400, "validation_failed", "Unable to validate email address: invalid format");
}

export function validPassword(password: string): string {
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    throw new AuthError(400, "validation_failed", `Password cannot be longer than ${MAX_PASSWORD_BYTES} characters`);
  }
  if (password.length >= MIN_PASSWORD_LENGTH) return password;
  const message = `Password should be at least ${MIN_PASSWORD_LENGTH} characters.`;
  throw new AuthError(422, "weak_password", message, ["length"]);
}
