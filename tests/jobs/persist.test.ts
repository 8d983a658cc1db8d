import { expect, test } from "vitest";
import { persist } from "../../jobs/persist.ts";
import { CorralError, toError } from "../../shared/errors.ts";

/** Fails once, then answers; counts the calls. */
function failingOnce(error: Error) {
  const counter = { calls: 0 };
  const call = async () => {
    if (++counter.calls === 1) throw error;
    return "answer";
  };
  return { counter, call };
}

test.each(["", "57014", "PGRST001"])("a call is repeated that got no answer: code %j", async (code) => {
  const { counter, call } = failingOnce(toError({ code, message: "fetch failed" }));
  expect(await persist(call)).toBe("answer");
  expect(counter.calls).toBe(2);
});

test("a call is repeated that failed in a way that nobody foresaw", async () => {
  const { counter, call } = failingOnce(new Error("Bad gateway"));
  expect(await persist(call)).toBe("answer");
  expect(counter.calls).toBe(2);
});

test("a call that SQL refuses is not repeated", async () => {
  const { counter, call } = failingOnce(new CorralError("invalid_metadata"));
  await expect(persist(call)).rejects.toMatchObject({ code: "invalid_metadata" });
  expect(counter.calls).toBe(1);
});
