import { parseArgs } from "node:util";
import { loadKeys } from "../keys.ts";
import { claimDataFolder } from "../single-instance.ts";
import { startStorage } from "./start-storage.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "54331" },
    dir: { type: "string", default: ".corral/storage-alone" },
    "no-md5": { type: "boolean", default: false },
  },
});
await claimDataFolder(values.dir);
const { serviceAccount, storageHmac } = await loadKeys(values.dir);
const log = (line: string) => void process.stderr.write(`${line}\n`);
const storage = await startStorage({
  port: Number(values.port),
  dir: values.dir,
  serviceAccount,
  storageHmac,
  md5: !values["no-md5"],
  log,
});
process.stdout.write(`${storage.url}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => storage.close().then(() => process.exit()));
