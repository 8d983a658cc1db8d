import { startPostgres } from "../../../local/postgres/start-postgres.ts";

// Started by tests that kill it: prints where Postgres is, then waits for its end.
const dataDir = process.argv[2];
if (dataDir === undefined) throw new Error("usage: start-server <data folder>");
const { adminUrl } = await startPostgres({ dataDir, port: 0 });
process.stdout.write(`${adminUrl}\n`);
