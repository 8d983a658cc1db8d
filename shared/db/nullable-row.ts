import type { Database } from "./database.types.ts";

/** A function's row in which everything but `Sure` may be null, which generated types do not tell. */
export type NullableRow<
  Name extends keyof Database["public"]["Functions"],
  Sure extends string,
> = Database["public"]["Functions"][Name]["Returns"] extends (infer Row)[]
  ? { [Column in keyof Row]: Column extends Sure ? Row[Column] : Row[Column] | null }
  : never;
