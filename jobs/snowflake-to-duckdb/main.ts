import { launch } from "../launch.ts";

await launch("snowflake-to-duckdb", () => import("./start.ts"));
