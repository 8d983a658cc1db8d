import { expect, test } from "vitest";
import { type BatchOptions, batchCalls } from "../../shared/batch-calls.ts";

interface Statement {
  calls: string[];
  succeed: (outcomes?: string[]) => void;
  fail: (error: unknown) => void;
}

/** Batches words; what is sent waits in `statements` until the test answers it. */
function batchWords(options: Partial<BatchOptions<string, string>> = {}) {
  const statements: Statement[] = [];
  const call = batchCalls<string, string>({
    send: (calls) =>
      new Promise((resolve, reject) => {
        const succeed = (outcomes = calls.map((word) => word.toUpperCase())) => resolve(outcomes);
        statements.push({ calls, succeed, fail: reject });
      }),
    orderBy: (word) => word,
    isShared: () => false,
    maxCalls: 100,
    maxInFlight: 1,
    patienceMs: 60_000,
    ...options,
  });
  const sent = () => statements.map(({ calls }) => calls);
  const answer = async (index: number, how: (statement: Statement) => void) => {
    await expect.poll(() => statements.length).toBeGreaterThan(index);
    const statement = statements[index];
    if (statement !== undefined) how(statement);
  };
  return { call, sent, answer };
}

test("a call that finds none in its way is sent at once", async () => {
  const { call, sent, answer } = batchWords();
  const reply = call("one");
  expect(sent()).toEqual([["one"]]);
  await answer(0, ({ succeed }) => succeed());
  expect(await reply).toBe("ONE");
});

test("calls that arrive while a statement is in flight share the next, in order, and each gets its own outcome", async () => {
  const { call, sent, answer } = batchWords();
  const replies = ["first", "c", "a", "b"].map(call);
  expect(sent()).toEqual([["first"]]);
  await answer(0, ({ succeed }) => succeed());
  await answer(1, ({ succeed }) => succeed());
  expect(sent()).toEqual([["first"], ["a", "b", "c"]]);
  expect(await Promise.all(replies)).toEqual(["FIRST", "C", "A", "B"]);
});

test("no statement takes more calls than it may, and no more are in flight than may be", async () => {
  const { call, sent, answer } = batchWords({ maxCalls: 2, maxInFlight: 2 });
  const replies = ["a", "b", "c", "d", "e"].map(call);
  expect(sent()).toEqual([["a"], ["b", "c"]]);
  await answer(1, ({ succeed }) => succeed());
  await answer(2, () => undefined);
  expect(sent()).toEqual([["a"], ["b", "c"], ["d", "e"]]);
  for (const index of [0, 2]) await answer(index, ({ succeed }) => succeed());
  expect(await Promise.all(replies)).toEqual(["A", "B", "C", "D", "E"]);
});

test("a statement that takes too long does not hold up the calls after it", async () => {
  const { call, sent, answer } = batchWords({ maxInFlight: 2, patienceMs: 1 });
  const slow = call("slow");
  const replies = ["b", "a"].map(call);
  expect(sent()).toEqual([["slow"]]);
  await answer(1, ({ succeed }) => succeed());
  expect(await Promise.all(replies)).toEqual(["B", "A"]);
  expect(sent()).toEqual([["slow"], ["a", "b"]]);
  await answer(0, ({ succeed }) => succeed());
  expect(await slow).toBe("SLOW");
});

test("after a pause it starts anew", async () => {
  const { call, sent, answer } = batchWords();
  for (const [index, word] of ["a", "b"].entries()) {
    const reply = call(word);
    await answer(index, ({ succeed }) => succeed());
    await reply;
  }
  expect(sent()).toEqual([["a"], ["b"]]);
});

test("of a statement that fails, only the call that made it fail does", async () => {
  const statements: string[][] = [];
  const call = batchCalls<string, string>({
    send: async (calls) => {
      statements.push(calls);
      await undefined;
      if (calls.includes("bad")) throw new Error("bad is not good");
      return calls;
    },
    orderBy: (word) => word,
    isShared: () => false,
    maxCalls: 100,
    maxInFlight: 1,
    patienceMs: 60_000,
  });
  const replies = await Promise.allSettled(["zero", "a", "bad", "c", "d"].map(call));
  expect(replies.map((reply) => (reply.status === "fulfilled" ? reply.value : String(reply.reason)))).toEqual([
    "zero",
    "a",
    "Error: bad is not good",
    "c",
    "d",
  ]);
  expect(statements).toEqual([["zero"], ["a", "bad", "c", "d"], ["a", "bad"], ["a"], ["bad"], ["c", "d"]]);
});

test("a failure that is nobody's fault is everybody's, and nothing is sent again", async () => {
  const { call, sent, answer } = batchWords({ isShared: () => true });
  const replies = Promise.allSettled(["first", "a", "b"].map(call));
  await answer(0, ({ succeed }) => succeed());
  await answer(1, ({ fail }) => fail(new Error("away")));
  expect((await replies).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
  expect(sent()).toHaveLength(2);
});

test("calls after a failure are served as before it", async () => {
  const { call, answer } = batchWords();
  const failing = Promise.allSettled([call("a")]);
  const reply = call("b");
  await answer(0, ({ fail }) => fail(new Error("no")));
  await answer(1, ({ succeed }) => succeed());
  expect(await failing).toMatchObject([{ status: "rejected" }]);
  expect(await reply).toBe("B");
});

test("a statement that forgets a call answers none as if it were another's", async () => {
  const { call, answer } = batchWords();
  const replies = Promise.allSettled(["first", "a", "b"].map(call));
  await answer(0, ({ succeed }) => succeed());
  await answer(1, ({ succeed }) => succeed(["A"]));
  await answer(2, ({ succeed }) => succeed());
  await answer(3, ({ succeed }) => succeed());
  expect(await replies).toMatchObject([{ value: "FIRST" }, { value: "A" }, { value: "B" }]);
});
