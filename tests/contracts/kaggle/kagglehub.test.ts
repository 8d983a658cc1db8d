import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";
import { type KagglePython, openKagglePython } from "./python-kaggle.ts";

let kaggle: RunningKaggle;
let python: KagglePython;
beforeAll(async () => {
  kaggle = await startKaggle({ port: 0, tokens: [{ token: "KGAT_ada", username: "ada" }] });
  python = await openKagglePython(kaggle.url);
});
afterAll(async () => {
  await python.close();
  await kaggle.close();
});

const HUB = `
import kagglehub
def sums(path):
    return {name: hashlib.sha256(open(os.path.join(path, name), "rb").read()).hexdigest() for name in os.listdir(path)}
`;
const TOKEN = { KAGGLE_API_TOKEN: "KGAT_ada" };

async function sumOf(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(`node_modules/vega-datasets/data/${file}`))
    .digest("hex");
}

test("kagglehub downloads the newest version whole, with its MD5 proven", async (context) => {
  const out = await python.run(
    context,
    `${HUB}
path = kagglehub.dataset_download("noaa/seattle-weather")
out["version"] = os.path.basename(path)
out["sums"] = sums(path)
`,
    TOKEN,
  );
  expect(out).toEqual({
    version: "3",
    sums: {
      "seattle-weather.csv": await sumOf("seattle-weather.csv"),
      "seattle-weather-hourly-normals.csv": await sumOf("seattle-weather-hourly-normals.csv"),
    },
  });
});

test("kagglehub downloads an older version, and single files whether they come zipped or not", async (context) => {
  const out = await python.run(
    context,
    `${HUB}
out["old"] = sorted(os.listdir(kagglehub.dataset_download("faa/aircraft-wildlife-strikes/versions/1")))
large = kagglehub.dataset_download("usdot/flight-delays", path="flights-sample.json")
small = kagglehub.dataset_download("scripps/mauna-loa-co2", path="temperature/global-temp.csv")
out["files"] = [hashlib.sha256(open(file, "rb").read()).hexdigest() for file in (large, small)]
`,
  );
  expect(out).toEqual({
    old: ["birdstrikes.csv"],
    files: [await sumOf("flights-20k.json"), await sumOf("global-temp.csv")],
  });
});

test("kagglehub notices a wrong hash and names a missing dataset", async (context) => {
  kaggle.faults.add({ on: "blob", fault: { kind: "wrong_hash" } });
  const out = await python.run(
    context,
    `${HUB}
def failure(ref):
    try:
        kagglehub.dataset_download(ref)
    except Exception as error:
        return type(error).__name__
out["corrupt"] = failure("palmerstation/palmer-penguins")
out["again"] = failure("palmerstation/palmer-penguins")
out["missing"] = failure("nobody/nothing")
`,
  );
  expect(out).toEqual({ corrupt: "DataCorruptionError", again: null, missing: "KaggleApiHTTPError" });
});
