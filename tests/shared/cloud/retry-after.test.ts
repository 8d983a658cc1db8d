import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseRetryAfter } from "../../../shared/cloud/retry-after.ts";

describe("parseRetryAfter", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: new Date("2026-03-01T12:00:00Z") });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    ["7", 7],
    [" 7 ", 7],
    ["0", 0],
    ["Sun, 01 Mar 2026 12:00:30 GMT", 30],
    ["Sun, 01 Mar 2026 11:00:00 GMT", 0],
    ["86400", 3600],
    ["Mon, 02 Mar 2026 12:00:00 GMT", 3600],
  ])("reads %j as %d seconds, at most the cap", (header, seconds) => {
    expect(parseRetryAfter(header, 3600)).toBe(seconds);
  });

  it.each([null, undefined, "", "soon", "-5x"])("makes nothing of %j", (header) => {
    expect(parseRetryAfter(header, 3600)).toBeUndefined();
  });
});
