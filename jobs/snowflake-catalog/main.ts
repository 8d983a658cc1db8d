import { launch } from "../launch.ts";

await launch("snowflake-catalog", () => import("./start.ts"));
