import { readSync, writeSync } from "node:fs";
import type { DuckDBResult } from "@duckdb/node-api";
import { explainError, type KnownTable } from "./explain-error.ts";
import { encodeMessage, encodeRows, readFrame } from "./frames.ts";
import type { TableReference } from "./judge-query.ts";
import type { Command, GrantedTable, OutputFormat, Report } from "./messages.ts";
import { type Attachment, Sandbox } from "./sandbox.ts";
import { chooseWriter, Preview, rowsOf } from "./write-rows.ts";

const COMMANDS = 0;
const REPORTS = 3;
/** Rows are sent on when they are so much text; what a text may hold has an end. */
const BLOCK_CHARS = 256 * 1024;
const PARENT_CHECK_MS = 500;

/** Reads until the buffer is full; false when the runner is gone. Nothing else is to be done meanwhile. */
function fill(buffer: Buffer): boolean {
  for (let at = 0; at < buffer.length; ) {
    const count = readSync(COMMANDS, buffer, at, buffer.length - at, null);
    if (count === 0) return false;
    at += count;
  }
  return true;
}

/** The runner is the only one that writes here, so that what it says needs no proof. */
function nextCommand<A extends Command["ask"]>(...asks: A[]): Extract<Command, { ask: A }> {
  const frame = readFrame(fill);
  if (frame === undefined) process.exit(0);
  const command: Extract<Command, { ask: A }> = JSON.parse(frame.payload.toString());
  if (!asks.includes(command.ask)) throw new Error(`"${asks}" is next, not "${command.ask}"`);
  return command;
}

/** An orderly exit would wait for DuckDB, which may be busy for hours. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

function send(bytes: Buffer): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(REPORTS, bytes, at);
  } catch {
    // Nobody reads any more.
    die();
  }
}

function tell(report: Report): void {
  send(encodeMessage(report));
}

/** Says what is in a result, its rows as text of the form. */
async function sendRows(
  result: DuckDBResult,
  format: OutputFormat,
  { tell, send }: { tell: (report: Report) => void; send: (bytes: Buffer) => void },
): Promise<void> {
  const names = result.deduplicatedColumnNames();
  const types = result.columnTypes();
  tell({
    tell: "columns",
    columns: names.map((name, index) => ({ name, type: types[index]?.alias ?? String(types[index]) })),
  });
  const writer = chooseWriter(format, names);
  const preview = new Preview();
  let rowCount = 0;
  send(encodeRows(0, writer.head));
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    let text = "";
    let count = 0;
    for (const row of rowsOf(chunk)) {
      preview.add(row);
      text += writer.write(row);
      count++;
      if (text.length < BLOCK_CHARS) continue;
      send(encodeRows(count, text));
      text = "";
      count = 0;
    }
    rowCount += chunk.rowCount;
    if (count > 0) send(encodeRows(count, text));
  }
  send(encodeRows(0, writer.tail));
  tell({ tell: "end", rowCount, preview: preview.rows });
}

/** What cannot be done is told to whoever wrote the query, and ends this process. */
async function attempt<T>(work: () => Promise<T>, tables: readonly KnownTable[]): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = await explainError(error, tables);
    tell({ tell: "failure", code, message });
    process.exit(0);
  }
}

function attach(grants: GrantedTable[], references: TableReference[], files: string[]): Attachment[] {
  const read = grantsOf(references);
  return read.map((grant, index) => {
    const { schema, table } = grants[grant] ?? { schema: "", table: "" };
    const schemas = references.filter((one) => one.grant === grant).map((one) => one.schema);
    return { schema, table, schemas, file: files[index] ?? "" };
  });
}

function grantsOf(references: TableReference[]): number[] {
  return [...new Set(references.map(({ grant }) => grant))];
}

const NOBODY = { tell: () => undefined, send: () => undefined };

/** Pages in the files, and the code that rows of theirs go through. */
async function hold(sandbox: Sandbox, files: string[]): Promise<void> {
  for (const file of files) {
    await sandbox.hold(file);
    // A table whose rows cannot be picked, since a column of it is called rowid, is merely attached.
    await sandbox.load(file).then(
      (rows) => sendRows(rows, "json", NOBODY),
      () => undefined,
    );
  }
  tell({ tell: "holds" });
}

/** Judges and runs one query. What fails otherwise than by the query is not caught: it ends this process loudly. */
async function serve(): Promise<void> {
  const sandbox = await Sandbox.open();
  tell({ tell: "ready" });
  let command = nextCommand("hold", "judge");
  if (command.ask === "hold") {
    await hold(sandbox, command.files);
    command = nextCommand("judge");
  }
  const { sql, grants } = command;
  const references = await attempt(() => sandbox.judge(sql, grants), []);
  tell({ tell: "reads", tables: grantsOf(references) });
  const { files, parameters, format, ...limits } = nextCommand("run");
  const attachments = attach(grants, references, files);
  await sandbox.close(attachments, limits);
  const tables = attachments.map((attachment) => sandbox.describe(attachment));
  await attempt(async () => sendRows(await sandbox.run(sql, parameters), format, { tell, send }), tables);
}

const runner = process.ppid;
// A runner that was killed leaves nobody to end what runs too long.
setInterval(() => process.ppid !== runner && die(), PARENT_CHECK_MS).unref();
await serve();
// Whoever asked ends it when the result is stored: to tidy up would take the processor from that.
fill(Buffer.alloc(1));
die();
