import { z } from "zod";
import { CorralError, type ErrorCode } from "../errors.ts";

/** A user of Supabase Auth; what is in `user_metadata` he may write himself, and it is worth no more than his word. */
const authUser = z.object({
  id: z.guid(),
  email: z.string(),
  created_at: z.string(),
  user_metadata: z.record(z.string(), z.unknown()).default({}),
  identities: z.array(z.unknown()).nullish(),
});
/** Where addresses count without confirmation, who signs up is signed in as well. */
const signedUp = z.union([z.object({ user: authUser }).transform(({ user }) => user), authUser]);
const session = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  expires_in: z.int(),
  user: authUser,
});
const refusal = z.object({ code: z.string(), message: z.string() });

export type AuthUser = z.infer<typeof authUser>;
export type AuthSession = z.infer<typeof session>;

export interface Login {
  email: string;
  password: string;
}

export interface SupabaseAuth {
  /** Makes an account, which may have to be confirmed by mail before it can sign in: that is the project's rule. */
  signUp(login: Login, metadata: Record<string, unknown>): Promise<AuthUser>;
  signIn(login: Login): Promise<AuthSession>;
}

const CALL_TIMEOUT_MS = 15_000;
/** From this version on, refusals are told by a code: https://supabase.com/docs/guides/auth/debugging/error-codes */
const API_VERSION = "2024-01-01";

/** What refusals mean here; those that are not listed are faults of what was sent. */
const CODES: Record<string, ErrorCode> = {
  email_exists: "email_taken",
  user_already_exists: "email_taken",
  weak_password: "weak_password",
  invalid_credentials: "invalid_login",
  user_not_found: "invalid_login",
  email_not_confirmed: "login_refused",
  user_banned: "login_refused",
  signup_disabled: "signup_refused",
  email_provider_disabled: "signup_refused",
  email_address_not_authorized: "signup_refused",
  captcha_failed: "signup_refused",
};
/** These say what the caller can do about it. */
const IN_ITS_WORDS = new Set<ErrorCode>(["weak_password", "login_refused", "signup_refused", "invalid_request"]);

/** Speaks to Supabase Auth as any browser does, with the project's anonymous key; refusals are `CorralError`s. */
export function connectSupabaseAuth({ url, anonKey }: { url: string; anonKey: string }): SupabaseAuth {
  async function post<T extends z.ZodType>(path: string, body: unknown, schema: T): Promise<z.output<T>> {
    const reply = await fetch(`${url}/auth/v1/${path}`, {
      method: "POST",
      headers: {
        apikey: anonKey,
        authorization: `Bearer ${anonKey}`,
        "content-type": "application/json",
        "x-supabase-api-version": API_VERSION,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    }).catch((cause: unknown) => {
      throw new CorralError("auth_unavailable", undefined, { cause });
    });
    const text = await reply.text();
    if (!reply.ok) throw toError(reply, text);
    return schema.parse(JSON.parse(text));
  }

  return {
    async signUp(login, metadata) {
      const user = await post("signup", { ...login, data: metadata }, signedUp);
      // Where addresses must be confirmed, one that is taken is answered with a made-up user, who has no identity.
      if (user.identities?.length === 0) throw new CorralError("email_taken");
      return user;
    },
    signIn: (login) => post("token?grant_type=password", login, session),
  };
}

function toError(reply: Response, text: string): CorralError {
  const { data } = refusal.safeParse(parseJson(text));
  const cause = new Error(`Supabase Auth answered ${reply.status}: ${text}`);
  if (reply.status === 429) return new CorralError("auth_rate_limited", undefined, { cause });
  if (reply.status >= 500 || data === undefined) return new CorralError("auth_unavailable", undefined, { cause });
  const code = CODES[data.code] ?? "invalid_request";
  return new CorralError(code, IN_ITS_WORDS.has(code) ? data.message : undefined, { cause });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
