import { z } from "zod";

/** What the trigger on runs posts. */
export const dispatchRequest = z.object({ run_id: z.int().positive() });

/** `launching`: this call claimed the run. `not_due`: it waits for a later moment. `gone`: another claimed it, or it is over. */
export const dispatchReply = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("launching"), run_id: z.int(), attempt: z.int() }),
  z.object({ outcome: z.enum(["not_due", "gone"]), run_id: z.int() }),
]);

export type DispatchReply = z.infer<typeof dispatchReply>;

/** How many heads of the audit trail are now in the bucket that were not before. */
export interface AnchorReply {
  anchored: number;
}
