import { z } from "zod";
import { CorralError } from "../../shared/errors.ts";

const userId = z.guid();

/** A user's id as clients pass it on, opaque to them; undefined for what can be nobody's. */
export function readUserId(text: string): string | undefined {
  return userId.safeParse(text).data;
}

/** The owner that a new job names; null where it names none. */
export function readOwner(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null;
  const id = readUserId(text);
  if (id === undefined) throw new CorralError("user_not_found");
  return id;
}
