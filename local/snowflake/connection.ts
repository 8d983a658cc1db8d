import type { DuckDBConnection } from "@duckdb/node-api";
import { expandMacros } from "./sql/expand-macros.ts";

/** A connection to DuckDB on which the compound macros are known. */
export class Connection {
  readonly #duck: DuckDBConnection;

  constructor(duck: DuckDBConnection) {
    this.#duck = duck;
  }

  run(sql: string) {
    return this.#duck.run(expandMacros(sql));
  }

  runAndReadAll(sql: string) {
    return this.#duck.runAndReadAll(expandMacros(sql));
  }

  stream(sql: string) {
    return this.#duck.stream(expandMacros(sql));
  }

  prepare(sql: string) {
    return this.#duck.prepare(expandMacros(sql));
  }

  interrupt(): void {
    this.#duck.interrupt();
  }

  closeSync(): void {
    this.#duck.closeSync();
  }
}
