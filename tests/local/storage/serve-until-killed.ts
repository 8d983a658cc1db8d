import { loadKeys } from "../../../local/keys.ts";
import { startStorage } from "../../../local/storage/start-storage.ts";

const [, , folder = ""] = process.argv;
const { serviceAccount, storageHmac } = await loadKeys(folder);
const { url } = await startStorage({ port: 0, dir: `${folder}/data`, serviceAccount, storageHmac });
process.stdout.write(`${url}\n`);
// Asked over its standard input, it tells the most memory it ever held.
process.stdin.on("data", () => process.stdout.write(`${process.resourceUsage().maxRSS / 1024}\n`));
