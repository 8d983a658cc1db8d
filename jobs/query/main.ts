import { launch } from "../launch.ts";

await launch("query", () => import("./start.ts"));
