import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { installPython, type Python } from "../../contracts/install-python.ts";
import { type Results, serveResults } from "./serve-results.ts";

const run = promisify(execFile);
const ROWS = [10, 20, 45];

let results: Results;
let folder: string;
let python: Python | { missing: string };
let torch: string | undefined;
beforeAll(async () => {
  [results, folder, python, torch] = await Promise.all([
    serveResults(),
    mkdtemp(join(tmpdir(), "corral-models-")),
    installPython(["numpy==2.2.6", "safetensors==0.5.3"]),
    run("python3", ["-c", "import torch; print(torch.__version__)"]).then(
      ({ stdout }) => stdout,
      () => undefined,
    ),
  ]);
});
afterAll(async () => {
  await results.close();
  await rm(folder, { recursive: true });
});

/** Averages the files 0 to 2 of the folder into one that is called mean. */
async function average(extension: string) {
  const given = await Promise.all(
    ROWS.map(async (rows, index) => ({ rows, content: await readFile(join(folder, `${index}.${extension}`)) })),
  );
  const { content } = await results.aggregate("fedavg", given);
  await writeFile(join(folder, `mean.${extension}`), content);
}

test("the mean of safetensors files is numpy's, as the official library reads it", async (context: TestContext) => {
  if ("missing" in python) return context.skip(python.missing);
  const env = { FOLDER: folder, ROWS: JSON.stringify(ROWS) };
  await python.run(
    `
import os, numpy as np
from safetensors.numpy import save_file
for i in range(3):
    rng = np.random.default_rng(i)
    floats = {t: rng.standard_normal((7, 300)).astype(t) for t in ("float64", "float32", "float16")}
    integers = {t: rng.integers(-100, 100, (40,)).astype(t) for t in ("int64", "int32", "int16", "int8")}
    save_file({**floats, **integers, "flags": np.array([True, False])}, f"{os.environ['FOLDER']}/{i}.safetensors", {"format": "np"})
`,
    env,
  );
  await average("safetensors");
  const checked = await python.run(
    `
import json, os, numpy as np
from safetensors.numpy import load_file
folder, rows = os.environ["FOLDER"], json.loads(os.environ["ROWS"])
files = [load_file(f"{folder}/{i}.safetensors") for i in range(3)]
mean = load_file(f"{folder}/mean.safetensors")
assert mean.keys() == files[0].keys()
for name, found in mean.items():
    expected = sum(f[name].astype("float64") * r for f, r in zip(files, rows)) / sum(rows)
    if found.dtype.kind == "i": expected = np.rint(expected)
    if found.dtype.kind == "b": expected = files[0][name]
    assert found.dtype == files[0][name].dtype and np.array_equal(found, expected.astype(found.dtype)), name
print(len(mean))
`,
    env,
  );
  expect(checked.trim()).toBe("8");
});

test("the mean of state dicts is torch's own, and torch.load(weights_only=True) reads it", async (context) => {
  if (torch === undefined) return context.skip("python3 has no torch here: pip install torch");
  const env = { PATH: process.env.PATH ?? "", HOME: folder, FOLDER: folder, ROWS: JSON.stringify(ROWS) };
  const torchRun = async (script: string) => (await run("python3", ["-c", script], { env })).stdout.trim();
  await torchRun(`
import os, torch
for i in range(3):
    torch.manual_seed(i)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 300))
    net[1].num_batches_tracked += 7 * i
    adam = torch.optim.Adam(net.parameters(), lr=0.01 / (i + 1))
    sum(p.sum() for p in net.parameters()).backward()
    adam.step()
    base = torch.randn(10, 4)
    torch.save({
        "model": net.state_dict(), "optimizer": adam.state_dict(), "epoch": i, "name": "net",
        "tied": [base, base.t(), base[3], base[::2, 1], base[0].expand(3, 4)],
        "types": [torch.randn(60).to(t) for t in (torch.float64, torch.float16, torch.bfloat16)],
        "integers": [torch.randint(-99, 99, (30,)).to(t) for t in (torch.int64, torch.int32, torch.int16, torch.int8)],
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.randn(3)), "bool": torch.tensor([True, False]),
    }, f"{os.environ['FOLDER']}/{i}.pth")
`);
  await average("pth");
  const checked = await torchRun(`
import json, os, torch
folder, rows = os.environ["FOLDER"], json.loads(os.environ["ROWS"])
def leaves(value, path=""):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else None
    if items is None: yield path, value
    else:
        for key, item in items: yield from leaves(item, f"{path}/{key}")
files = [dict(leaves(torch.load(f"{folder}/{i}.pth", weights_only=True))) for i in range(3)]
count = 0
for mmap in (False, True):
    loaded = torch.load(f"{folder}/mean.pth", weights_only=True, mmap=mmap)
    mean = dict(leaves(loaded))
    assert mean.keys() == files[0].keys()
    for path, found in mean.items():
        if not isinstance(found, torch.Tensor):
            assert found == files[0][path], path
            continue
        expected = sum(f[path].detach().double() * r for f, r in zip(files, rows)) / sum(rows)
        if not found.dtype.is_floating_point: expected = expected.round()
        if found.dtype == torch.bool: expected = files[0][path]
        assert found.dtype == files[0][path].dtype and found.stride() == files[0][path].stride(), path
        assert torch.equal(found.detach(), expected.to(found.dtype)), path
        count += 1
    tied = loaded["tied"]
    assert tied[0].untyped_storage().data_ptr() == tied[1].untyped_storage().data_ptr()
print(count)
`);
  expect(Number(checked)).toBeGreaterThan(50);
});
