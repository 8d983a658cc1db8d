import { describe, expect, it } from "vitest";
import { COMPOSE_LIMIT, planParts } from "../../../jobs/kaggle-to-gcs/plan-parts.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

describe("planParts", () => {
  it.each([0, 1, 8 * MIB, 8 * MIB + 1, 256 * MIB, GIB, 4 * GIB, 50e9, 200e9])(
    "covers %d bytes without a gap or an overlap",
    (bytes) => {
      const parts = planParts(bytes, 8);
      expect(parts[0]?.start).toBe(0);
      expect(parts.at(-1)?.end).toBe(bytes);
      for (const [index, part] of parts.entries()) expect(part.start).toBe(parts[index - 1]?.end ?? 0);
      expect(new Set(parts.map(({ name }) => name)).size).toBe(parts.length);
      expect(parts.map(({ name }) => name)).toEqual(parts.map(({ name }) => name).toSorted());
    },
  );

  it("gives every connection something to do as soon as a part per connection is worth its round trips", () => {
    for (const bytes of [64 * MIB, 256 * MIB, GIB]) expect(planParts(bytes, 8).length).toBeGreaterThanOrEqual(8);
  });

  it("stays within one compose call up to 8 GiB, and within two levels of them at Kaggle's largest", () => {
    for (const bytes of [256 * MIB, GIB, 4 * GIB, 8 * GIB])
      expect(planParts(bytes, 8).length).toBeLessThanOrEqual(COMPOSE_LIMIT);
    expect(planParts(200e9, 8).length).toBeLessThanOrEqual(COMPOSE_LIMIT ** 2);
  });

  it("loses at most 256 MiB of work per connection to an interruption", () => {
    for (const part of planParts(200e9, 8)) expect(part.end - part.start).toBeLessThanOrEqual(256 * MIB);
  });
});
