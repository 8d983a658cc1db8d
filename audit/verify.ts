import { parseArgs } from "node:util";
import { nativeCrc32c } from "../jobs/native-crc32c.ts";
import { anchor, anchorObject, sealOf } from "../shared/audit/anchor-object.ts";
import { openBucket } from "../shared/cloud/storage.ts";
import { connectDb } from "../shared/db/connect-db.ts";
import { getAuditRetention, listSeals, readSealedLines } from "../shared/db/seals.ts";
import { verifyChain } from "./verify-chain.ts";

const HELP = `Usage: npm run audit:verify -- [options]

Recomputes the chain of seals over the audit trail, from the oldest one retained, and compares it with the heads that
the bucket keeps. Exits 0 if every sealed row is as it was, 1 if one was changed, added or removed, or a seal was.

  --url <url>               the Supabase project's URL (or SUPABASE_URL)
  --service-role-key <key>  its service role key (or SUPABASE_SERVICE_ROLE_KEY)
  --bucket <name>           the bucket (or STORAGE_BUCKET)
  --storage-endpoint <url>  another server than Google's (or STORAGE_ENDPOINT)
  --help                    this text
`;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    "service-role-key": { type: "string" },
    bucket: { type: "string" },
    "storage-endpoint": { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

function required(option: "url" | "service-role-key" | "bucket", variable: string): string {
  const value = values[option] ?? process.env[variable];
  if (value !== undefined && value !== "") return value;
  process.stderr.write(`audit:verify: --${option} or ${variable} is missing.\n\n${HELP}`);
  process.exit(2);
}

const db = connectDb({
  url: required("url", "SUPABASE_URL"),
  key: required("service-role-key", "SUPABASE_SERVICE_ROLE_KEY"),
});
const bucket = openBucket({
  name: required("bucket", "STORAGE_BUCKET"),
  endpoint: values["storage-endpoint"] ?? process.env.STORAGE_ENDPOINT,
  crc32c: nativeCrc32c,
});

const report = await verifyChain(
  {
    listSeals: (after) => listSeals(db, after),
    readLines: (seal, after) => readSealedLines(db, seal, after),
    async listAnchors() {
      const [files] = await bucket.getFiles({ prefix: "audit/" });
      return files.flatMap(({ name, metadata }) => {
        const seal = sealOf(name);
        return seal === undefined ? [] : [{ seal, writtenAt: new Date(metadata.timeCreated ?? 0) }];
      });
    },
    async readAnchor(seal) {
      const [content] = await bucket.file(anchorObject(seal)).download();
      return anchor.parse(JSON.parse(content.toString("utf8")));
    },
    retentionDays: await getAuditRetention(db),
  },
  (seal) => void (process.stderr.isTTY && process.stderr.write(`\rseal ${seal.id} …`)),
);
if (process.stderr.isTTY) process.stderr.write("\r");

const { seals, rows, newest, faults } = report;
for (const fault of faults) process.stdout.write(`${fault}\n`);
if (newest === undefined) process.stdout.write("Nothing was sealed yet.\n");
else if (faults.length === 0) {
  process.stdout.write(
    `${rows} rows under ${seals} seals are as they were sealed. Newest: ${newest.id}, ${newest.sealedAt}.\n`,
  );
}
process.exit(faults.length === 0 ? 0 : 1);
