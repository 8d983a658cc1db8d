import {
  DuckDBArrayType,
  DuckDBArrayValue,
  type DuckDBDataChunk,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  type DuckDBType,
  DuckDBUnionType,
  DuckDBUnionValue,
  type DuckDBValue,
  DuckDBVariantType,
  DuckDBVariantValue,
  SQLNULL,
} from "@duckdb/node-api";
import { type Cell, toJson } from "../../shared/cell.ts";
import { toCell } from "./to-cell.ts";

/** Writes a value of one type as JSON. */
type Writer = (value: DuckDBValue) => string;

/**
 * A column's values as cells, which of nested types are JSON in a text: a struct is an object with its fields in their
 * order, or a list where they have no names; a map is a list of `{"key": …, "value": …}`; a union or a variant is what
 * it holds.
 */
export function columnCells(chunk: DuckDBDataChunk, column: number): Cell[] {
  // Before the values are read, of which it takes the names.
  const write = nestedWriter(chunk.getColumnVector(column).type);
  const values = chunk.getColumnValues(column);
  return write === undefined ? values.map(toCell) : values.map((value) => (value === null ? null : write(value)));
}

function nestedWriter(type: DuckDBType): Writer | undefined {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return listWriter(type);
  if (type instanceof DuckDBStructType) return structWriter(type);
  if (type instanceof DuckDBMapType) return mapWriter(type);
  if (type instanceof DuckDBUnionType) return unionWriter(type);
  return type instanceof DuckDBVariantType ? writeVariant : undefined;
}

function writerOf(type: DuckDBType): Writer {
  const write = nestedWriter(type) ?? ((value) => toJson(toCell(value)));
  return (value) => (value === null ? "null" : write(value));
}

function listWriter({ valueType }: DuckDBListType | DuckDBArrayType): Writer {
  const write = writerOf(valueType);
  return (value) => {
    if (!(value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)) throw unexpected(value, "list");
    return toList(value.items.map(write));
  };
}

function structWriter({ entryNames, entryTypes }: DuckDBStructType): Writer {
  const leads = entryNames.map((name) => `${JSON.stringify(name)}:`);
  const isUnnamed = entryNames[0] === "";
  const writers = entryTypes.map(writerOf);
  // The driver makes an object of a struct, in which fields without names take each other's place and those that are
  // called like numbers come first. Positions for names keep them all, and in their order.
  Object.assign(entryNames, Object.keys(entryNames));
  return (value) => {
    const fields = value instanceof DuckDBStructValue ? Object.values(value.entries) : [];
    if (fields.length !== writers.length) throw unexpected(value, "struct");
    const texts = writers.map((write, index) => write(fields[index] ?? null));
    return isUnnamed ? toList(texts) : `{${texts.map((text, index) => `${leads[index]}${text}`).join(",")}}`;
  };
}

function mapWriter({ keyType, valueType }: DuckDBMapType): Writer {
  const writeKey = writerOf(keyType);
  const writeValue = writerOf(valueType);
  return (map) => {
    if (!(map instanceof DuckDBMapValue)) throw unexpected(map, "map");
    return toList(map.entries.map(({ key, value }) => `{"key":${writeKey(key)},"value":${writeValue(value)}}`));
  };
}

function unionWriter({ memberTags, memberTypes }: DuckDBUnionType): Writer {
  const writers = new Map(memberTypes.map((type, index) => [memberTags[index], writerOf(type)]));
  return (value) => {
    const write = value instanceof DuckDBUnionValue ? writers.get(value.tag) : undefined;
    if (!(value instanceof DuckDBUnionValue) || write === undefined) throw unexpected(value, "union");
    return write(value.value);
  };
}

/** Each is of a type of its own. */
function writeVariant(value: DuckDBValue): string {
  if (!(value instanceof DuckDBVariantValue)) throw unexpected(value, "variant");
  return writerOf(value.type ?? SQLNULL)(value.value);
}

function toList(texts: readonly string[]): string {
  return `[${texts.join(",")}]`;
}

function unexpected(value: DuckDBValue, type: string): Error {
  return new Error(`The driver read ${value} where a ${type} is due`);
}
