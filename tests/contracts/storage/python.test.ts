import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { type Served, serveStorage } from "../../local/storage/serve-storage.ts";
import { installPython, type Python } from "../install-python.ts";

let served: Served;
let python: Python | { missing: string };
beforeAll(async () => {
  [served, python] = await Promise.all([serveStorage(), installPython(["google-cloud-storage==3.10.1"])]);
});
afterAll(() => served.close());

const PRELUDE = `
import datetime, json, os, urllib.request
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.oauth2 import service_account
credentials = service_account.Credentials.from_service_account_info(json.loads(os.environ["SERVICE_ACCOUNT"]))
client = storage.Client(project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": os.environ["URL"]})
out = {}
`;

/** Runs a script that fills \`out\`. */
async function runPython(context: TestContext, script: string): Promise<unknown> {
  if ("missing" in python) return context.skip(python.missing);
  const env = { URL: served.url, SERVICE_ACCOUNT: JSON.stringify(served.serviceAccount) };
  return JSON.parse(await python.run(`${PRELUDE}${script}\nprint(json.dumps(out))`, env));
}

test("the Python client uploads, reads, lists, composes, copies and deletes", async (context) => {
  const out = await runPython(
    context,
    `
bucket = client.create_bucket("python")
data = os.urandom(900_000)
bucket.blob("small/ü").upload_from_string(data, checksum="md5")
large = bucket.blob("large", chunk_size=256 * 1024)
with large.open("wb") as writer:
    writer.write(data)
out["whole"] = bucket.blob("small/ü").download_as_bytes(checksum="crc32c") == data
out["range"] = large.download_as_bytes(start=5, end=9) == data[5:10]
out["listed"] = [blob.name for blob in client.list_blobs("python", prefix="small/")]
both = bucket.blob("both")
both.compose([bucket.blob("small/ü"), large])
out["both"] = [both.size, both.component_count, both.md5_hash]
copy = bucket.copy_blob(both, bucket, "copy")
out["copy"] = copy.crc32c == both.crc32c
copy.metadata = {"a": "1"}
copy.patch()
out["patched"] = bucket.get_blob("copy").metadata
try:
    bucket.blob("large").upload_from_string("x", if_generation_match=0)
except exceptions.PreconditionFailed as error:
    out["precondition"] = error.code
try:
    bucket.blob("none").download_as_bytes()
except exceptions.NotFound as error:
    out["missing"] = error.code
bucket.add_lifecycle_delete_rule(age=1, matches_prefix=["tmp/"])
bucket.patch()
out["lifecycle"] = list(client.get_bucket("python").lifecycle_rules)
with client.batch():
    bucket.blob("both").delete()
    bucket.blob("copy").delete()
out["left"] = [blob.name for blob in client.list_blobs("python")]
bucket.delete(force=True)
out["exists"] = bucket.exists()
`,
  );
  expect(out).toEqual({
    whole: true,
    range: true,
    listed: ["small/ü"],
    both: [1_800_000, 2, null],
    copy: true,
    patched: { a: "1" },
    precondition: 412,
    missing: 404,
    lifecycle: [{ action: { type: "Delete" }, condition: { age: 1, matchesPrefix: ["tmp/"] } }],
    left: ["large", "small/ü"],
    exists: false,
  });
});

test("URLs that Python signs, host with port, are good for reading and writing", async (context) => {
  const out = await runPython(
    context,
    `
bucket = client.create_bucket("python-signed")
blob = bucket.blob("dir/a b.csv")
signed = lambda method, **more: blob.generate_signed_url(
    version="v4", method=method, expiration=datetime.timedelta(minutes=5), credentials=credentials,
    api_access_endpoint=os.environ["URL"], **more)
url = signed("PUT", content_type="text/csv")
put = urllib.request.Request(url, data=b"a,b", method="PUT", headers={"Content-Type": "text/csv"})
out["put"] = urllib.request.urlopen(put).status
out["get"] = urllib.request.urlopen(signed("GET")).read().decode()
`,
  );
  expect(out).toEqual({ put: 200, get: "a,b" });
});
