import { launch } from "../launch.ts";

await launch("aggregate", () => import("./start.ts"));
