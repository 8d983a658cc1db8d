import { expect, test, vi } from "vitest";
import { createSettler } from "../../functions/agent/settle-jobs.ts";

/** A settler whose calls end when the test says so, in the order in which they began. */
function startSettler() {
  const calls: { job: number; end: (failure?: Error) => void }[] = [];
  const background: Promise<unknown>[] = [];
  const settle = (job: number) =>
    new Promise<void>((resolve, reject) => {
      calls.push({ job, end: (failure) => (failure === undefined ? resolve() : reject(failure)) });
    });
  const settleLater = createSettler(settle, (work) => void background.push(work));
  return { settleLater, calls, background };
}

test("however often a job is to be settled, one call is under way and one more follows", async () => {
  const { settleLater, calls, background } = startSettler();
  for (let time = 0; time < 10; time++) settleLater(7);
  expect(calls).toHaveLength(1);
  calls[0]?.end();
  await expect.poll(() => calls).toHaveLength(2);
  calls[1]?.end();
  await Promise.all(background);
  expect(calls).toHaveLength(2);
  expect(background).toHaveLength(1);
});

test("jobs do not wait for each other, and a job can be settled again later", async () => {
  const { settleLater, calls, background } = startSettler();
  settleLater(7);
  settleLater(8);
  expect(calls.map(({ job }) => job)).toEqual([7, 8]);
  for (const { end } of calls) end();
  await Promise.all(background);
  settleLater(7);
  expect(calls).toHaveLength(3);
});

test("a failure is logged and ends nothing", async () => {
  const logged = vi.spyOn(console, "error").mockReturnValue();
  const { settleLater, calls, background } = startSettler();
  settleLater(7);
  settleLater(7);
  calls[0]?.end(new Error("deadlock"));
  await expect.poll(() => calls).toHaveLength(2);
  calls[1]?.end();
  await Promise.all(background);
  expect(logged).toHaveBeenCalledOnce();
  logged.mockRestore();
});
