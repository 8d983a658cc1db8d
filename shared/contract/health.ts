import { z } from "zod";

/** The dataset agent's health; `unhealthy` travels under 503. */
export const healthReply = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("healthy"),
    agent: z.literal("dataset"),
    auto_polling: z.boolean(),
    postgres: z.literal("ok"),
  }),
  z.object({
    status: z.literal("unhealthy"),
    agent: z.literal("dataset"),
    auto_polling: z.null(),
    postgres: z.literal("unreachable"),
  }),
]);

export type HealthReply = z.infer<typeof healthReply>;
