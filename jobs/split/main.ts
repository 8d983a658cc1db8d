import { launch } from "../launch.ts";

await launch("split", () => import("./start.ts"));
