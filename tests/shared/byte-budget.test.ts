import { expect, test } from "vitest";
import { ByteBudget } from "../../shared/byte-budget.ts";

/** Asks for bytes; `admitted` tells once they were given. */
function ask(budget: ByteBudget, bytes: number) {
  const asked = { admitted: false, release: () => {} };
  budget.take(bytes).then((release) => Object.assign(asked, { admitted: true, release }));
  return asked;
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("who finds room has it at once, who does not waits until somebody leaves, in line", async () => {
  const budget = new ByteBudget(10);
  const [first, second, third, small] = [6, 4, 5, 1].map((bytes) => ask(budget, bytes));
  await settle();
  expect([first, second, third, small].map((one) => one?.admitted)).toEqual([true, true, false, false]);
  second?.release();
  await settle();
  expect(third?.admitted).toBe(false);
  first?.release();
  await settle();
  expect([third?.admitted, small?.admitted]).toEqual([true, true]);
});

test("who wants more than there is has it all to himself", async () => {
  const budget = new ByteBudget(10);
  const small = ask(budget, 1);
  const huge = ask(budget, 1000);
  await settle();
  expect(huge.admitted).toBe(false);
  small.release();
  await settle();
  expect(huge.admitted).toBe(true);
});
