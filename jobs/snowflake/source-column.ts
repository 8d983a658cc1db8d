import { z } from "zod";
import { JobFailure } from "../job-failure.ts";

/** What kind of values a column of Snowflake's holds; numbers and times with their sizes. */
export type SourceType =
  | { kind: "number"; precision: number; scale: number }
  | { kind: "float" | "text" | "boolean" | "date" | "binary" }
  /** 38 digits and an exponent. */
  | { kind: "decfloat" }
  /** `scale` digits of a second's fraction. */
  | { kind: "time"; scale: number }
  | { kind: "timestamp_ntz" | "timestamp_ltz" | "timestamp_tz"; scale: number }
  /** What becomes JSON text, and what it has to be made into before. */
  | { kind: "json"; as: "variant" | "array" | "geojson" };

export interface SourceColumn {
  name: string;
  nullable: boolean;
  /** SQL of its default. */
  default: string | null;
  type: SourceType;
  /** As Snowflake prints the type: `NUMBER(38,0)`. */
  printed: string;
}

const digits = z.string().transform(Number).nullable();

/** A row of INFORMATION_SCHEMA.COLUMNS; https://docs.snowflake.com/en/sql-reference/info-schema/columns */
export const columnRow = z.object({
  COLUMN_NAME: z.string(),
  IS_NULLABLE: z.string(),
  COLUMN_DEFAULT: z.string().nullable(),
  DATA_TYPE: z.string(),
  NUMERIC_PRECISION: digits,
  NUMERIC_SCALE: digits,
  DATETIME_PRECISION: digits,
  CHARACTER_MAXIMUM_LENGTH: digits,
});

const JSON_KINDS: Record<string, "variant" | "array" | "geojson"> = {
  VARIANT: "variant",
  OBJECT: "variant",
  ARRAY: "variant",
  MAP: "variant",
  VECTOR: "array",
  GEOGRAPHY: "geojson",
  GEOMETRY: "geojson",
};
const FINEST = 9;

/** A column as the schema describes it; one of a type that no snapshot can hold is a failure that names it. */
export function toSourceColumn(row: z.output<typeof columnRow>): SourceColumn {
  const { COLUMN_NAME: name, DATA_TYPE: dataType, CHARACTER_MAXIMUM_LENGTH: length } = row;
  const type = readType(row);
  if (type === undefined)
    throw new JobFailure(
      "column_unsupported",
      `Cannot sync column ${name}: no snapshot can hold values of type ${dataType}. Sync a view that leaves it out or casts it.`,
    );
  return {
    name,
    nullable: row.IS_NULLABLE === "YES",
    default: row.COLUMN_DEFAULT,
    type,
    printed: printType(type, dataType, length),
  };
}

function readType(row: z.output<typeof columnRow>): SourceType | undefined {
  const name = row.DATA_TYPE.toUpperCase();
  const as = JSON_KINDS[name];
  if (as !== undefined) return { kind: "json", as };
  const scale = row.DATETIME_PRECISION ?? FINEST;
  switch (name) {
    case "NUMBER":
      return { kind: "number", precision: row.NUMERIC_PRECISION ?? 38, scale: row.NUMERIC_SCALE ?? 0 };
    case "FLOAT":
      return { kind: "float" };
    case "TEXT":
      return { kind: "text" };
    case "BOOLEAN":
      return { kind: "boolean" };
    case "DATE":
      return { kind: "date" };
    case "BINARY":
      return { kind: "binary" };
    case "DECFLOAT":
      return { kind: "decfloat" };
    case "TIME":
      return { kind: "time", scale };
    case "TIMESTAMP_NTZ":
      return { kind: "timestamp_ntz", scale };
    case "TIMESTAMP_LTZ":
      return { kind: "timestamp_ltz", scale };
    case "TIMESTAMP_TZ":
      return { kind: "timestamp_tz", scale };
    default:
      return undefined;
  }
}

function printType(type: SourceType, dataType: string, length: number | null): string {
  if (type.kind === "number") return `NUMBER(${type.precision},${type.scale})`;
  if ("scale" in type) return `${dataType}(${type.scale})`;
  if (type.kind === "text") return length === null ? "VARCHAR" : `VARCHAR(${length})`;
  return dataType;
}
