import { z } from "zod";
import { serviceAccountJson } from "./service-account.ts";
import { hmacKey, rsaKey } from "./sign-url.ts";

/** The key that URLs are signed with, out of the environment: an HMAC key where there is one, which is far faster. */
export const signingKeyEnv = z.union([
  z
    .object({ STORAGE_HMAC_ACCESS_ID: z.string().min(1), STORAGE_HMAC_SECRET: z.string().min(1) })
    .transform((env) => hmacKey({ accessId: env.STORAGE_HMAC_ACCESS_ID, secret: env.STORAGE_HMAC_SECRET })),
  z.object({ GOOGLE_CREDENTIALS: serviceAccountJson }).transform((env) => rsaKey(env.GOOGLE_CREDENTIALS)),
]);
