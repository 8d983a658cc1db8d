import { z } from "zod";
import { createBucket } from "../../local/create-bucket.ts";
import { startKaggle } from "../../local/kaggle/start-kaggle.ts";
import { syntheticDataset } from "../../local/kaggle/synthetic-dataset.ts";
import { loadKeys } from "../../local/keys.ts";
import { startStorage } from "../../local/storage/start-storage.ts";

const shape = z.object({ latencyMs: z.number(), bytesPerSecondPerConnection: z.number() });

/** One stand-in in a process of its own: prints its URL, and serves until it is killed. */
const serving = z.discriminatedUnion("what", [
  z.object({
    what: z.literal("kaggle"),
    token: z.string(),
    datasets: z.array(z.object({ ref: z.string(), bytes: z.number() })),
    shape: shape.optional(),
  }),
  z.object({ what: z.literal("storage"), dir: z.string(), bucket: z.string(), bytesPerSecond: z.number().optional() }),
]);
export type Serving = z.input<typeof serving>;

process.stdout.write(`${await serve(serving.parse(JSON.parse(process.argv[2] ?? "{}")))}\n`);

async function serve(task: z.output<typeof serving>): Promise<string> {
  if (task.what === "kaggle") {
    const { token, datasets, shape } = task;
    const tokens = [{ token, username: "bench" }];
    const { url } = await startKaggle({
      port: 0,
      tokens,
      extraDatasets: datasets.map(syntheticDataset),
      ...(shape && { shape }),
    });
    return url;
  }
  const { serviceAccount, storageHmac } = await loadKeys(task.dir);
  // Without MD5: on Google's side it costs us nothing, here it would take the processor that is measured.
  const { dir, bytesPerSecond: uploadBytesPerSecond } = task;
  const link = uploadBytesPerSecond === undefined ? {} : { uploadBytesPerSecond };
  const { url } = await startStorage({ port: 0, dir, serviceAccount, storageHmac, md5: false, ...link });
  await createBucket(url, task.bucket);
  return url;
}
