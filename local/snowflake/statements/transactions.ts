import { FROM, TO } from "../catalog.ts";
import type { Execution } from "../execution.ts";
import type { Session } from "../sessions.ts";
import type { Warehouse } from "../warehouse.ts";

/** BEGIN: from here on the session's statements share a connection. */
export async function begin({ session, warehouse }: Pick<Execution, "session" | "warehouse">): Promise<void> {
  if (session.transaction !== undefined) return;
  const connection = await warehouse.connect(session.parameters.text("TIMEZONE"));
  await connection.run("BEGIN");
  session.transaction = { connection, moments: new Set(), tables: new Set() };
}

/** COMMIT: what the transaction changed gets the moment of its end, since nobody saw it before. */
export async function commit(session: Session, warehouse: Warehouse): Promise<void> {
  const { transaction } = session;
  if (transaction === undefined) return;
  session.transaction = undefined;
  await warehouse.exclusively(async () => {
    const moment = warehouse.nextMoment();
    const provisional = [...transaction.moments].join(", ");
    try {
      for (const id of provisional === "" ? [] : transaction.tables) {
        for (const column of [FROM, TO])
          await transaction.connection.run(
            `UPDATE store.main.t${id} SET "${column}" = ${moment} WHERE "${column}" IN (${provisional})`,
          );
      }
      await transaction.connection.run("COMMIT");
    } finally {
      transaction.connection.closeSync();
    }
  });
}

export async function rollback(session: Session): Promise<void> {
  const { transaction } = session;
  if (transaction === undefined) return;
  session.transaction = undefined;
  await transaction.connection.run("ROLLBACK");
  transaction.connection.closeSync();
}
