import { type DatabaseError, toError } from "../errors.ts";

type Reply<T> = { data: T; error: null } | { data: null; error: DatabaseError };

/** Waits for a call and resolves to what it answered; what SQL raised is thrown. */
export async function answer<T>(call: PromiseLike<Reply<T>>): Promise<T> {
  const { data, error } = await call;
  if (error !== null) throw toError(error);
  return data;
}

/** The same for a function that answers rows, of which the first is wanted, if there is one. */
export async function firstRow<T>(call: PromiseLike<Reply<T[]>>): Promise<T | undefined> {
  const [row] = await answer(call);
  return row;
}

/** The same for a function that always answers one row. */
export async function onlyRow<T>(call: PromiseLike<Reply<T[]>>): Promise<T> {
  const row = await firstRow(call);
  if (row === undefined) throw new Error("Postgres: a function that promises a row answered none");
  return row;
}
