import { answer } from "./answers.ts";

/** Numbers calls, sends them as one statement, and resolves to its rows in the calls' order: one for each of them. */
export async function outcomesInOrder<Call extends object, Row extends { call: number }>(
  calls: Call[],
  send: (numbered: (Call & { call: number })[]) => Parameters<typeof answer<Row[]>>[0],
): Promise<Row[]> {
  const rows = await answer(send(calls.map((one, call) => ({ ...one, call }))));
  const byCall = new Map(rows.map((row) => [row.call, row]));
  return calls.map((_, call) => {
    const row = byCall.get(call);
    if (row === undefined)
      throw new Error(`Postgres: a batch of ${calls.length} calls got no answer to number ${call}`);
    return row;
  });
}
