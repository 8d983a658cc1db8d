import { expect, test } from "vitest";
import { Turns } from "../../../jobs/query/turns.ts";

const UNSTOPPED = new AbortController().signal;

test("turns are taken one at a time, in order, and whoever gives up holds up nobody", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const stop = new AbortController();
  const endFirst = await turns.take(UNSTOPPED);
  const second = turns.take(stop.signal);
  const third = turns.take(UNSTOPPED).then((end) => {
    order.push("third");
    end();
  });
  const fourth = turns.take(UNSTOPPED).then((end) => {
    order.push("fourth");
    end();
  });
  stop.abort(new Error("no longer wanted"));
  await expect(second).rejects.toThrow("no longer wanted");
  expect(order).toEqual([]);
  endFirst();
  await Promise.all([third, fourth]);
  expect(order).toEqual(["third", "fourth"]);
});
