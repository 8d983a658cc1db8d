import { describe, expect, it } from "vitest";
import type { SourceColumn, SourceType } from "../../../jobs/snowflake/source-column.ts";
import { capWatermark, toLowerBound, toWatermark } from "../../../jobs/snowflake-to-duckdb/watermark.ts";

const column = (type: SourceType): SourceColumn => ({ name: "K", nullable: true, default: null, type, printed: "" });
const NTZ = column({ kind: "timestamp_ntz", scale: 9 });
const TZ = column({ kind: "timestamp_tz", scale: 9 });
const DATE = column({ kind: "date" });
const NUMBER = column({ kind: "number", precision: 38, scale: 2 });

describe("a watermark", () => {
  it.each([
    [NTZ, "253402300799999999999", "9999-12-31 23:59:59.999999999"],
    [NTZ, "-1", "1969-12-31 23:59:59.999999999"],
    [NTZ, "-62135596800000000000", "0001-01-01 00:00:00.000000000"],
    [DATE, "-719162", "0001-01-01"],
    [DATE, "2932896", "9999-12-31"],
    [NUMBER, "-0.05", "-0.05"],
  ])("is text that people can read, and nothing is lost on the way back", (source, staged, watermark) => {
    expect(toWatermark(source, staged)).toBe(watermark);
    expect(toLowerBound(source, watermark, 0)?.staged).toBe(staged);
  });

  it.each([
    [NTZ, "1970-01-01 00:00:10.000000001", 10, "'1970-01-01 00:00:00.000000001'::TIMESTAMP_NTZ(9)"],
    [NTZ, "1970-01-01 00:05:00.000000000", null, "'1970-01-01 00:00:00.000000000'::TIMESTAMP_NTZ(9)"],
    [NTZ, "1970-01-01 00:00:00.000000000", 0.5, "'1969-12-31 23:59:59.500000000'::TIMESTAMP_NTZ(9)"],
    [NTZ, "0001-01-01 00:00:00.000000000", 60, "'0001-01-01 00:00:00.000000000'::TIMESTAMP_NTZ(9)"],
    [TZ, "2020-01-01 00:00:00.000000000", 0, "'2020-01-01 00:00:00.000000000 +0000'::TIMESTAMP_TZ(9)"],
    [DATE, "1970-01-02", 1, "'1970-01-01'::DATE"],
    [DATE, "1970-01-02", null, "'1970-01-02'::DATE"],
    [NUMBER, "1.00", 2.5, "-1.50"],
    [NUMBER, "99999999999999999999999999999999999999", 1, "99999999999999999999999999999999999998"],
    [NUMBER, "0.25", null, "0.25"],
    [column({ kind: "text" }), "a'\\", null, "'a''\\\\'"],
    [column({ kind: "float" }), "1.5", 1, "'0.5'::FLOAT"],
  ])("is gone back from by the overlap", (source, watermark, overlap, sql) => {
    expect(toLowerBound(source, watermark, overlap)?.sql).toBe(sql);
  });

  it.each([
    [NTZ, "9999-12-31 23:59:59.999999999", "2026-01-31 12:00:00.123000000"],
    [TZ, toWatermark(TZ, "253402329599999999999"), "2026-01-31 12:00:00.123000000"],
    [NTZ, "2026-01-31 12:00:00.123000001", "2026-01-31 12:00:00.123000000"],
    [NTZ, "2026-01-31 12:00:00.122999999", "2026-01-31 12:00:00.122999999"],
    [DATE, "9999-12-31", "2026-01-31"],
    [DATE, "2026-01-31", "2026-01-31"],
    [NUMBER, "99991231", "99991231"],
    [column({ kind: "text" }), "9999-12-31", "9999-12-31"],
  ])("is no time beyond its sync's moment", (source, read, watermark) => {
    expect(capWatermark(source, read, "2026-01-31 12:00:00.123")).toBe(watermark);
  });

  it.each([
    [NTZ, "yesterday"],
    [DATE, "1"],
    [NUMBER, "1; DROP TABLE T"],
    [NUMBER, "1e5"],
    [column({ kind: "float" }), "x"],
  ])("that is none of its kind is no bound", (source, watermark) => {
    expect(toLowerBound(source, watermark, 0)).toBeUndefined();
  });
});
