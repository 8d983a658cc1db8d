import { launch } from "../launch.ts";

await launch("kaggle-to-gcs", () => import("./start.ts"));
