import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningKaggle, startKaggle } from "../../../local/kaggle/start-kaggle.ts";
import { type KagglePython, openKagglePython } from "./python-kaggle.ts";

let kaggle: RunningKaggle;
let python: KagglePython;
beforeAll(async () => {
  kaggle = await startKaggle({
    port: 0,
    users: [{ username: "ada", key: "ada-key" }],
    tokens: [{ token: "KGAT_ada", username: "ada" }],
  });
  python = await openKagglePython(kaggle.url);
});
afterAll(async () => {
  await python.close();
  await kaggle.close();
});

const KEY = { KAGGLE_USERNAME: "ada", KAGGLE_KEY: "ada-key" };
/** Runs the command line in the script's own process, with what it prints in hand. */
const CLI = `
from kaggle.cli import main
def cli(*args):
    printed = io.StringIO()
    sys.argv = ["kaggle", *args]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit:
            pass
    return printed.getvalue().replace("\\r", "").strip()
`;

test("the official command line searches, pages and lists", async (context) => {
  const out = await python.run(
    context,
    `${CLI}
out["found"] = cli("datasets", "list", "--search", "weather", "--sort-by", "votes", "--csv")
out["nothing"] = cli("datasets", "list", "--search", "whale hydrophone")
out["small"] = cli("datasets", "list", "--max-size", "4500", "--csv")
out["files"] = cli("datasets", "files", "scripps/mauna-loa-co2", "--page-size", "1", "--csv")
out["status"] = cli("datasets", "status", "noaa/seattle-weather")
`,
    KEY,
  );
  expect(out).toEqual({
    found: expect.stringMatching(/^ref,title,.*\nnoaa\/seattle-weather,.*\nscripps.*\nweatherdesk.*$/),
    nothing: "No datasets found",
    small: expect.stringMatching(/^ref,.*\n(palmerstation\/.*|owid\/.*)\n(palmerstation\/.*|owid\/.*)$/),
    files: expect.stringMatching(
      /^Next Page Token = \S+\s+name,size,creationDate\s+co2-concentration\.csv,18547,\S+ \S+$/,
    ),
    status: "ready",
  });
});

test("the official command line downloads a bundle, a file and the metadata", async (context) => {
  const out = await python.run(
    context,
    `${CLI}
cli("datasets", "download", "noaa/seattle-weather")
cli("datasets", "download", "scripps/mauna-loa-co2", "--file", "temperature/global-temp.csv")
cli("datasets", "metadata", "noaa/seattle-weather")
out["names"] = sorted(name for name in os.listdir(".") if not name.startswith("."))
`,
    KEY,
  );
  expect(out).toEqual({ names: ["dataset-metadata.json", "global-temp.csv", "seattle-weather.zip"] });
  const bundle = unzipSync(await readFile(join(python.folder, "seattle-weather.zip")));
  expect(Object.keys(bundle)).toEqual(["seattle-weather.csv", "seattle-weather-hourly-normals.csv"]);
});

test("the official client takes an access token by introspection, and ignores an unknown one", async (context) => {
  const script = `
from kaggle.api.kaggle_api_extended import KaggleApi
api = KaggleApi()
api.authenticate()
out["user"] = api.get_config_value("username")
out["method"] = api.get_config_value("auth_method")
`;
  const search = `out["found"] = [dataset.ref for dataset in api.dataset_list(search="penguins")]`;
  const withToken = await python.run(context, script + search, { KAGGLE_API_TOKEN: "KGAT_ada" });
  expect(withToken).toEqual({ user: "ada", method: "ACCESS_TOKEN", found: ["palmerstation/palmer-penguins"] });
  const fallback = await python.run(context, script, { ...KEY, KAGGLE_API_TOKEN: "KGAT_unknown" });
  expect(fallback).toEqual({ user: "ada", method: "LEGACY_API_KEY" });
});

test("the official client raises what the API refuses", async (context) => {
  kaggle.faults.add({ on: "list", fault: { kind: "rate_limited" } });
  kaggle.faults.add({ on: "list", skip: 1, fault: { kind: "unauthorized" } });
  const out = await python.run(
    context,
    `
from kaggle.api.kaggle_api_extended import KaggleApi
from requests.exceptions import HTTPError
api = KaggleApi()
api.authenticate()
def refusal(call):
    try:
        call()
    except HTTPError as error:
        return [error.response.status_code, str(error)]
out["limited"] = refusal(lambda: api.dataset_list(search="weather"))[0]
out["unauthorized"] = refusal(lambda: api.dataset_list(search="weather"))
out["missing"] = refusal(lambda: api.dataset_list_files("nobody/nothing"))
`,
    KEY,
  );
  expect(out).toEqual({ limited: 429, unauthorized: [401, "Unauthorized"], missing: [404, "Not found"] });
});

test("the official client resumes a download that broke, and has it whole", async (context) => {
  kaggle.requests.clear();
  kaggle.faults.add({ on: "blob", ref: "usdot/flight-delays", fault: { kind: "reset", afterBytes: 5_000_000 } });
  await python.run(context, `${CLI}\ncli("datasets", "download", "usdot/flight-delays")`, KEY);
  const ranges = kaggle.requests.list().flatMap(({ operation, range }) => (operation === "blob" ? [range] : []));
  expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-/)]);
  const bundle = unzipSync(await readFile(join(python.folder, "flight-delays.zip")));
  expect(bundle["flights.parquet"]).toHaveLength(13_493_022);
});
