import type { Log } from "../log.ts";
import type { Bindings } from "./bind-values.ts";
import { bindNodes } from "./bind-values.ts";
import { fromDuckError, locate } from "./duck-error.ts";
import { type Execution, type Outcome, STATEMENT, type StorageTarget } from "./execution.ts";
import type { Queries, Query } from "./queries.ts";
import { smallResult, statusResult, textColumns } from "./result-writer.ts";
import { runQuery } from "./run-query.ts";
import { cancelled, SnowflakeError, syntaxError, timedOut, unsupported } from "./snowflake-error.ts";
import { Cursor } from "./sql/cursor.ts";
import { isGroup, isWord, type Node, toTree } from "./sql/token-tree.ts";
import { placeOf, splitStatements, type Token, tokenize } from "./sql/tokenize.ts";
import { alterTable, drop, truncate, undrop } from "./statements/alter-table.ts";
import { copyInto } from "./statements/copy-into.ts";
import { create } from "./statements/create.ts";
import { insert } from "./statements/insert.ts";
import { merge } from "./statements/merge.ts";
import { alterSession, setVariables, unsetVariables, use } from "./statements/session-statements.ts";
import { describeTable, show } from "./statements/show.ts";
import { begin, commit, rollback } from "./statements/transactions.ts";
import { deleteRows, update } from "./statements/update.ts";
import type { Warehouse } from "./warehouse.ts";

export interface Engine {
  warehouse: Warehouse;
  queries: Queries;
  storage: StorageTarget;
  log: Log;
}

export interface Request {
  bindings?: Bindings;
  /** How many statements there must be; 0 for any number. */
  statementCount: number;
  describeOnly?: boolean;
}

const INTERRUPTED = cancelled().code;

/** Runs the statements of a request; what comes of it is told by the query, never thrown. */
export async function execute(engine: Engine, query: Query, request: Request): Promise<void> {
  const { session, sql } = query;
  try {
    const statements = splitStatements(tokenize(sql));
    if (statements.length === 0)
      throw new SnowflakeError("000900", "42601", "SQL compilation error:\nEmpty SQL statement.");
    const wanted = request.statementCount;
    if (wanted !== 0 && wanted !== statements.length)
      throw new SnowflakeError(
        "000008",
        "0A000",
        `Actual statement count ${statements.length} did not match the desired statement count ${wanted}.`,
      );
    const [only] = statements;
    if (statements.length === 1 && only !== undefined) {
      const outcome = await runStatement(engine, query, sql, only, request.bindings ?? {});
      query.succeed(outcome.result, outcome.statementType, engine.warehouse.now());
      return;
    }
    for (const tokens of statements) {
      query.throwIfCancelled();
      const text = sql.slice(tokens[0]?.at, tokens.at(-1)?.end);
      const child = engine.queries.add(session, text, undefined, engine.warehouse.now());
      query.children.push(child);
      child.done = execute(engine, child, { ...request, statementCount: 1 });
      await child.done;
      if (child.error !== undefined) throw child.error;
    }
    query.succeed(
      smallResult(textColumns("multiple statement execution"), [["Multiple statements executed successfully."]]),
      STATEMENT.multi,
      engine.warehouse.now(),
    );
  } catch (error) {
    const told = fromDuckError(error);
    // DuckDB does not know why it was interrupted.
    const refusal = told?.code === INTERRUPTED ? (query.cancellation ?? told) : told;
    if (refusal === undefined)
      engine.log(`query ${query.id} failed: ${error instanceof Error ? error.stack : String(error)}`);
    if (refusal !== undefined) return query.fail(locate(refusal, sql), engine.warehouse.now());
    query.fail(
      new SnowflakeError(
        "000603",
        "XX000",
        `SQL execution internal error: ${error instanceof Error ? error.message : String(error)}`,
      ),
      engine.warehouse.now(),
    );
  }
}

async function runStatement(
  engine: Engine,
  query: Query,
  sql: string,
  tokens: Token[],
  bindings: Bindings,
): Promise<Outcome> {
  const { session } = query;
  const nodes = bindNodes(toTree(sql, tokens), bindings);
  const { transaction } = session;
  if (transaction !== undefined) {
    const turn = session.turn.then(() => runOn(engine, query, sql, nodes));
    session.turn = turn.catch(() => undefined);
    return turn;
  }
  return runOn(engine, query, sql, nodes);
}

async function runOn(engine: Engine, query: Query, sql: string, nodes: Node[]): Promise<Outcome> {
  const { session } = query;
  const { transaction } = session;
  const connection = transaction?.connection ?? (await engine.warehouse.connect(session.parameters.text("TIMEZONE")));
  const seconds = session.parameters.number("STATEMENT_TIMEOUT_IN_SECONDS");
  const ms = seconds * 1000;
  const limit = ms > 0 && ms < 2 ** 31 ? setTimeout(() => query.cancel(timedOut(seconds)), ms) : undefined;
  try {
    query.interruptible(() => connection.interrupt());
    const { warehouse, queries, storage } = engine;
    const execution: Execution = {
      warehouse,
      queries,
      storage,
      session,
      query,
      sql,
      nodes,
      connection,
      now: warehouse.now(),
      named: new Set(),
    };
    return await dispatch(execution);
  } finally {
    clearTimeout(limit);
    query.settle();
    if (transaction === undefined) connection.closeSync();
  }
}

type Run = (execution: Execution, cursor: Cursor) => Promise<Outcome>;

const ddl =
  (run: (execution: Execution, cursor: Cursor) => Promise<string>): Run =>
  async (execution, cursor) => {
    await commit(execution.session, execution.warehouse);
    const own = execution.connection;
    const connection = await execution.warehouse.connect(execution.session.parameters.text("TIMEZONE"));
    try {
      return { result: statusResult(await run({ ...execution, connection }, cursor)), statementType: STATEMENT.ddl };
    } finally {
      if (connection !== own) connection.closeSync();
    }
  };

const ofSession =
  (
    run: (execution: Execution, cursor: Cursor) => Promise<string> | string,
    statementType: number = STATEMENT.session,
  ): Run =>
  async (execution, cursor) => ({ result: statusResult(await run(execution, cursor)), statementType });

const transactional = (run: (execution: Execution) => Promise<void>): Run =>
  ofSession(async (execution) => {
    await run(execution);
    return "Statement executed successfully.";
  }, STATEMENT.transaction);

const showing: Run = async (execution, cursor) => ({
  result: await show(execution, cursor),
  statementType: STATEMENT.show,
});
const describing: Run = async (execution, cursor) => ({
  result: await describeTable(execution, cursor),
  statementType: STATEMENT.show,
});

const RUNS: Record<string, Run> = {
  SELECT: runQuery,
  WITH: runQuery,
  VALUES: runQuery,
  SHOW: showing,
  DESCRIBE: describing,
  DESC: describing,
  INSERT: insert,
  UPDATE: update,
  DELETE: deleteRows,
  MERGE: merge,
  COPY: copyInto,
  CREATE: ddl(create),
  DROP: ddl(drop),
  UNDROP: ddl(undrop),
  TRUNCATE: ddl(truncate),
  USE: ofSession(use),
  SET: ofSession(setVariables),
  UNSET: ofSession(unsetVariables),
  BEGIN: transactional(begin),
  START: transactional(begin),
  COMMIT: transactional(({ session, warehouse }) => commit(session, warehouse)),
  ROLLBACK: transactional(({ session }) => rollback(session)),
};

async function dispatch(execution: Execution): Promise<Outcome> {
  const { nodes, sql } = execution;
  const [first, second] = nodes;
  const cursor = new Cursor(sql, nodes);
  if (isGroup(first)) return runQuery(execution);
  if (first?.kind !== "word") throw syntaxError(sql.slice(first?.at, first?.end), placeOf(sql, first?.at ?? 0));
  if (first.text === "ALTER") {
    if (isWord(second, "SESSION")) return ofSession(alterSession)(execution, cursor);
    if (isWord(second, "TABLE")) return ddl(alterTable)(execution, cursor);
    throw unsupported(`ALTER ${second?.kind === "word" ? second.text : ""}`);
  }
  const run = RUNS[first.text];
  if (run === undefined) throw syntaxError(sql.slice(first.at, first.end), placeOf(sql, first.at));
  return run(execution, cursor);
}
