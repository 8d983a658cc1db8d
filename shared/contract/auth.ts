import { z } from "zod";

/** What Postgres can store: no control characters, no halves of characters. */
const field = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "String should have no control characters");
/** As long as Supabase Auth can store. */
const email = z
  .string()
  .trim()
  .pipe(field(255).regex(/^[^\s@]+@[^\s@]+$/, "Input should be an email address"));

export const registerRequest = z.object({
  email,
  password: field(1024),
  /** What the user calls himself; it grants nothing. */
  role: field(64).default("user"),
});

const user = {
  id: z.guid(),
  email: z.string(),
  role: z.string(),
  created_at: z.string(),
};
export const registerReply = z.object(user);

/** Any address and password may be tried: what is wrong with them is nobody's business. */
export const loginRequest = z.object({ email: field(320), password: field(1024) });

export const loginReply = z.object({
  ...user,
  /** What later calls send as their bearer token. */
  access_token: z.string(),
  refresh_token: z.string(),
  token_type: z.literal("bearer"),
  /** Of the access token, in seconds. */
  expires_in: z.int(),
});
