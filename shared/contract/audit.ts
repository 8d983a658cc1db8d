import { z } from "zod";
import { digits } from "./digits.ts";
import { moment } from "./moment.ts";
import { storableText } from "./storable.ts";

export const searchAuditQuery = z.object({
  agent: storableText(128).optional(),
  swarm: storableText(64).optional(),
  table: storableText(1025).optional().describe("`schema.table`"),
  from: moment.optional(),
  to: moment.optional(),
  request_id: storableText(128).optional(),
  limit: digits(1, 1000).default(100),
  before_id: digits(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe("Those before this one: the `next_before_id` of the page before"),
});

export const auditDetails = z.record(z.string(), z.unknown()).nullable();
const auditEntry = z
  .object({
    id: z.int(),
    call_id: z
      .int()
      .describe("Shared by all entries about one call: that it was received, what it was about, how it ended"),
    event: z.enum(["received", "detail", "finished"]),
    at: z.string(),
    request_id: z.string().nullable(),
    is_admin: z.boolean(),
    user_id: z.string().nullable(),
    swarm: z.string().nullable(),
    agent: z.string().nullable(),
    method: z.string().nullable(),
    path: z.string().nullable(),
    details: auditDetails,
    status: z.int().nullable(),
    error_code: z.string().nullable(),
    rows: z.number().nullable(),
    bytes: z.number().nullable(),
    milliseconds: z.number().nullable(),
  })
  .meta({ id: "AuditEntry" });

export const searchAuditReply = z
  .object({
    entries: z.array(auditEntry).describe("Newest first; fewer than asked for where they are large"),
    next_before_id: z.int().nullable().describe("Null when there are no more"),
  })
  .meta({ id: "AuditPage" });
