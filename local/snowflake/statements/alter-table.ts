import { type Column, storedName, type Table } from "../catalog.ts";
import { duckType } from "../column-type.ts";
import type { Execution } from "../execution.ts";
import { openScope } from "../scope.ts";
import { invalidIdentifier, SnowflakeError, unsupported } from "../snowflake-error.ts";
import { castSql, typeIn } from "../sql/cast.ts";
import { Cursor } from "../sql/cursor.ts";
import { duckName, printName } from "../sql/identifiers.ts";
import type { Scope } from "../sql/rewrite-query.ts";
import { splitAtCommas } from "../sql/token-tree.ts";
import { readColumn, readOptions } from "./create-table.ts";
import { change, defaultSql, endRows } from "./write-rows.ts";

/** ALTER TABLE [IF EXISTS] name …: columns come and go for the kept versions, too. */
export async function alterTable(execution: Execution, cursor: Cursor): Promise<string> {
  const { warehouse, session } = execution;
  cursor.expect("ALTER", "TABLE");
  const optional = cursor.take("IF", "EXISTS");
  const path = cursor.path();
  if (optional && warehouse.catalog.find(path, session) === undefined) return "Statement executed successfully.";
  const table = warehouse.catalog.table(path, session);
  await warehouse.load(table);
  const scope = await openScope(execution);
  if (cursor.take("RENAME", "TO")) {
    const { place } = warehouse.catalog.vacancy(cursor.path(), session, "refuse");
    return store(execution, { ...table, ...place });
  }
  if (cursor.take("RENAME", "COLUMN")) return renameColumn(execution, cursor, table);
  if (cursor.take("SWAP", "WITH")) return swap(execution, cursor, table);
  if (cursor.take("ADD")) return addColumns(execution, cursor, table, scope);
  if (cursor.take("DROP")) return dropColumns(execution, cursor, table);
  if (cursor.take("ALTER") || cursor.take("MODIFY")) return alterColumns(execution, cursor, table, scope);
  if (cursor.take("SET")) {
    const { comment = table.comment, retentionDays = table.retentionDays } = readOptions(cursor);
    return store(execution, { ...table, comment, retentionDays });
  }
  if (cursor.take("CLUSTER", "BY")) return "Statement executed successfully.";
  throw unsupported("this ALTER TABLE");
}

async function store({ warehouse }: Execution, table: Table): Promise<string> {
  await warehouse.catalog.put({ ...table, altered: warehouse.now() });
  return "Statement executed successfully.";
}

async function addColumns(execution: Execution, cursor: Cursor, table: Table, scope: Scope): Promise<string> {
  cursor.take("COLUMN");
  const keep = cursor.take("IF", "NOT", "EXISTS");
  const added: Column[] = splitAtCommas(cursor.rest()).map((part) => {
    const reader = new Cursor(scope.sql, part);
    reader.take("COLUMN");
    return readColumn(reader, scope);
  });
  const fresh = added.filter(({ name }) => !table.columns.some((column) => column.name === name));
  if (fresh.length < added.length && !keep) {
    const twice = added.find((column) => !fresh.includes(column))?.name ?? "";
    throw new SnowflakeError("001430", "42601", `SQL compilation error:\ncolumn '${twice}' already exists`);
  }
  await change(execution, [table], async () => {
    for (const column of fresh) {
      await execution.connection.run(
        `ALTER TABLE ${storedName(table)} ADD COLUMN ${duckName(column.name)} ${duckType(column.type)}`,
      );
      if (column.default !== undefined)
        await execution.connection.run(
          `UPDATE ${storedName(table)} SET ${duckName(column.name)} = ${castSql(defaultSql(column, scope), column.type)}`,
        );
    }
  });
  return store(execution, { ...table, columns: [...table.columns, ...fresh] });
}

async function dropColumns(execution: Execution, cursor: Cursor, table: Table): Promise<string> {
  cursor.take("COLUMN");
  const optional = cursor.take("IF", "EXISTS");
  const names: string[] = [];
  do names.push(cursor.identifier());
  while (cursor.takeSymbol(","));
  cursor.expectEnd();
  const missing = names.find((name) => !table.columns.some((column) => column.name === name));
  if (missing !== undefined && !optional) throw invalidIdentifier(missing);
  const gone = table.columns.filter(({ name }) => names.includes(name));
  await change(execution, [table], async () => {
    for (const { name } of gone)
      await execution.connection.run(`ALTER TABLE ${storedName(table)} DROP COLUMN ${duckName(name)}`);
  });
  return store(execution, { ...table, columns: table.columns.filter((column) => !gone.includes(column)) });
}

async function renameColumn(execution: Execution, cursor: Cursor, table: Table): Promise<string> {
  const from = cursor.identifier();
  cursor.expect("TO");
  const to = cursor.identifier();
  if (!table.columns.some(({ name }) => name === from)) throw invalidIdentifier(from);
  await change(execution, [table], async () => {
    await execution.connection.run(
      `ALTER TABLE ${storedName(table)} RENAME COLUMN ${duckName(from)} TO ${duckName(to)}`,
    );
  });
  return store(execution, {
    ...table,
    columns: table.columns.map((column) => (column.name === from ? { ...column, name: to } : column)),
  });
}

/** Widening a type, null or not null, comments. */
async function alterColumns(execution: Execution, cursor: Cursor, table: Table, scope: Scope): Promise<string> {
  const listed = cursor.takeGroup();
  let { columns } = table;
  for (const part of splitAtCommas(listed?.items ?? cursor.rest())) {
    const reader = new Cursor(scope.sql, part);
    reader.take("COLUMN");
    const name = reader.identifier();
    const column = columns.find((one) => one.name === name);
    if (column === undefined) throw invalidIdentifier(name);
    const altered = await alterColumn(execution, reader, table, column, scope);
    columns = columns.map((one) => (one === column ? altered : one));
  }
  return store(execution, { ...table, columns });
}

async function alterColumn(
  execution: Execution,
  cursor: Cursor,
  table: Table,
  column: Column,
  scope: Scope,
): Promise<Column> {
  if (cursor.take("DROP", "NOT", "NULL")) return { ...column, nullable: true };
  if (cursor.take("SET", "NOT", "NULL")) return { ...column, nullable: false };
  if (cursor.take("COMMENT")) return { ...column, comment: cursor.string() };
  if (cursor.take("DROP", "DEFAULT")) {
    const { default: _gone, ...rest } = column;
    return rest;
  }
  if (!cursor.take("SET", "DATA", "TYPE")) cursor.expect("TYPE");
  const type = typeIn(cursor, scope);
  const grows = (before = 0, after = 0) => after >= before;
  const fits =
    type.kind === column.type.kind &&
    grows(column.type.precision, type.precision) &&
    grows(column.type.length, type.length) &&
    type.scale === column.type.scale;
  if (!fits)
    throw new SnowflakeError(
      "002108",
      "22000",
      `SQL compilation error:\ncannot change column ${printName(column.name)} from type ${column.type.kind} to ${type.kind}`,
    );
  await change(execution, [table], async () => {
    if (duckType(type) !== duckType(column.type))
      await execution.connection.run(
        `ALTER TABLE ${storedName(table)} ALTER COLUMN ${duckName(column.name)} TYPE ${duckType(type)}`,
      );
  });
  return { ...column, type };
}

async function swap(execution: Execution, cursor: Cursor, table: Table): Promise<string> {
  const other = execution.warehouse.catalog.table(cursor.path(), execution.session);
  const { database, schema, name } = table;
  await store(execution, { ...table, database: other.database, schema: other.schema, name: other.name });
  return store(execution, { ...other, database, schema, name });
}

/** TRUNCATE [TABLE] [IF EXISTS] name: all rows end. */
export async function truncate(execution: Execution, cursor: Cursor): Promise<string> {
  cursor.expect("TRUNCATE");
  cursor.take("TABLE");
  cursor.take("IF", "EXISTS");
  const table = execution.warehouse.catalog.table(cursor.path(), execution.session);
  await execution.warehouse.load(table);
  await change(execution, [table], (moment) => endRows(execution, table, moment, "true"));
  return "Statement executed successfully.";
}

/** DROP {TABLE | VIEW | SCHEMA | DATABASE} [IF EXISTS] name. */
export async function drop({ warehouse, session }: Execution, cursor: Cursor): Promise<string> {
  cursor.expect("DROP");
  const kind = cursor.identifier();
  const optional = cursor.take("IF", "EXISTS");
  const path = cursor.path();
  const { catalog } = warehouse;
  const [name = "", above] = path.toReversed();
  const found =
    kind === "DATABASE"
      ? catalog.database(name)
      : kind === "SCHEMA"
        ? catalog.schema(above ?? session.database ?? "", name)
        : kind === "TABLE" || kind === "VIEW"
          ? catalog.find(path, session)
          : undefined;
  if (found === undefined && optional) return "Drop statement executed successfully.";
  if (found === undefined || found.kind !== kind) {
    throw new SnowflakeError(
      "002003",
      "02000",
      `SQL compilation error:\n${kind.charAt(0)}${kind.slice(1).toLowerCase()} '${path.map(printName).join(".")}' does not exist or not authorized.`,
    );
  }
  const dropped = warehouse.now();
  if (kind === "DATABASE" || kind === "SCHEMA") {
    const within = [...catalog.all("TABLE"), ...catalog.all("VIEW"), ...catalog.all("SCHEMA")];
    for (const one of within) {
      if (one.id !== found.id && one.database === found.database && (kind === "DATABASE" || one.schema === found.name))
        await catalog.put({ ...one, dropped });
    }
  }
  await catalog.put({ ...found, dropped });
  return `${printName(name)} successfully dropped.`;
}

/** UNDROP TABLE name: the one that was dropped last. */
export async function undrop({ warehouse, session }: Execution, cursor: Cursor): Promise<string> {
  cursor.expect("UNDROP", "TABLE");
  const path = cursor.path();
  const { place } = warehouse.catalog.vacancy(path, session, "refuse");
  const candidates = warehouse.catalog
    .all("TABLE", true)
    .filter(
      (one) =>
        one.dropped !== undefined &&
        one.name === place.name &&
        one.schema === place.schema &&
        one.database === place.database,
    );
  const latest = candidates.sort((a, b) => (a.dropped ?? 0) - (b.dropped ?? 0)).at(-1);
  if (latest === undefined)
    throw new SnowflakeError(
      "002003",
      "02000",
      `SQL compilation error:\nTable '${printName(place.name)}' did not exist or was purged.`,
    );
  const { dropped: _dropped, ...table } = latest;
  await warehouse.catalog.put(table);
  return `Table ${printName(place.name)} successfully restored.`;
}
