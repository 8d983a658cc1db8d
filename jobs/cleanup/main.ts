import { launch } from "../launch.ts";

await launch("cleanup", () => import("./start.ts"));
