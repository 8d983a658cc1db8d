import { z } from "zod";
import { anyCase } from "./any-case.ts";
import { moment } from "./moment.ts";
import { storableText } from "./storable.ts";

const MAX_INT = 2_147_483_647;
const MAX_EXPIRY_DAYS = 36_500;
const count = (max: number) => z.int().min(1).max(max).nullish();

const limits = z.strictObject({
  requests_per_minute: count(1_000_000),
  concurrent_queries: count(1000),
  query_seconds: count(86_400),
  query_memory_mb: count(1_048_576).describe("At most what the runner gives a query: its `QUERY_MEMORY_MB`"),
  result_rows: count(MAX_INT),
  result_bytes: count(Number.MAX_SAFE_INTEGER),
});

export const createTokenRequest = z
  .object({
    type: anyCase(["swarm", "agent"]),
    swarm: storableText(64).nullish().describe("Made unless there is one; `default` unless named"),
    agent: storableText(128).nullish().describe("Whom an agent's token is for; made up unless given"),
    name: storableText(255).nullish().describe("For people"),
    expires_at: moment
      .refine((at) => Date.parse(at) > Date.now(), { error: "Input should be in the future" })
      .nullish(),
    expiry_days: z.int().min(1).max(MAX_EXPIRY_DAYS).nullish(),
    limits: limits.nullish(),
  })
  .refine((token) => (token.expires_at ?? null) === null || (token.expiry_days ?? null) === null, {
    error: "Give expires_at or expiry_days, not both",
  });

const token = {
  token_id: z.int(),
  type: z.enum(["swarm", "agent"]),
  swarm: z.string(),
  agent: z.string().nullable(),
  name: z.string().nullable(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
  limits: z.record(z.string(), z.number().nullable()).describe("Those that differ from everybody's"),
};
export const tokenLimits = token.limits;

/** The only time that the token is shown. */
export const createTokenReply = z.object({ ...token, token: z.string() }).meta({ id: "NewToken" });
const listedToken = z
  .object({ ...token, revoked_at: z.string().nullable(), last_used_at: z.string().nullable() })
  .meta({ id: "Token" });
export const listTokensReply = z.array(listedToken);
