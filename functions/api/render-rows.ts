import { type Cell, toCsvField, toJson } from "../../shared/cell.ts";

/** A column of rows as somebody may see it. */
export interface ShownColumn {
  name: string;
  /** Its place in the rows. */
  index: number;
  isMasked: boolean;
}

const MASK = "***";
const shown = (row: Cell[], { index, isMasked }: ShownColumn): Cell => {
  const cell = row[index] ?? null;
  return isMasked && cell !== null ? MASK : cell;
};

/**
 * Rows as a JSON array of objects, each with its columns in order, whatever they are called; undefined when that takes
 * more characters than it may.
 */
export function renderJson(columns: ShownColumn[], rows: Cell[][], maxLength: number): string | undefined {
  const named = columns.map((column, at) => ({
    column,
    name: `${at === 0 ? "" : ","}${JSON.stringify(column.name)}:`,
  }));
  const toObject = (row: Cell[]) => {
    let text = "{";
    for (const { column, name } of named) text += name + toJson(shown(row, column));
    return `${text}}`;
  };
  const objects = joinWithin(rows, toObject, ",", maxLength);
  return objects === undefined ? undefined : `[${objects}]`;
}

/**
 * Rows as CSV, as a query's result has it, with a line of names on top; undefined when that takes more characters than
 * it may.
 */
export function renderCsv(columns: ShownColumn[], rows: Cell[][], maxLength: number): string | undefined {
  const head = columns.map(({ name }) => toCsvField(name)).join(",");
  const toLine = (row: Cell[]) => `${columns.map((column) => toCsvField(shown(row, column))).join(",")}\n`;
  const lines = joinWithin(rows, toLine, "", maxLength);
  return lines === undefined ? undefined : `${head}\n${lines}`;
}

function joinWithin(rows: Cell[][], toText: (row: Cell[]) => string, between: string, maxLength: number) {
  const texts: string[] = [];
  let length = 0;
  for (const row of rows) {
    const text = toText(row);
    length += text.length + between.length;
    if (length > maxLength) return undefined;
    texts.push(text);
  }
  return texts.join(between);
}
