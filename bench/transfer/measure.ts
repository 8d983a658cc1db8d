import { z } from "zod";
import { nativeCrc32c } from "../../jobs/native-crc32c.ts";
import { connectKaggle } from "../../shared/cloud/kaggle.ts";
import { openBucket } from "../../shared/cloud/storage.ts";
import { peakMemory } from "../peak-memory.ts";
import { METHODS } from "./methods.ts";

/** Runs one method once, in a process of its own, and prints what it took as JSON. */
const task = z
  .object({
    method: z.enum(["ours", "pipe", "disk", "drain"]),
    kaggleUrl: z.string(),
    kaggleToken: z.string(),
    storageUrl: z.string(),
    bucket: z.string(),
    ref: z.string(),
    connections: z.number(),
  })
  .parse(JSON.parse(process.argv[2] ?? "{}"));

const kaggle = connectKaggle(`${task.kaggleUrl}/v1`, { token: task.kaggleToken });
const bucket = openBucket({ name: task.bucket, endpoint: task.storageUrl, crc32c: nativeCrc32c });
const startedAt = performance.now();
await METHODS[task.method]({ ...task, kaggle, bucket });
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${JSON.stringify({ seconds, peakBytes: peakMemory() })}\n`);
process.exit();
