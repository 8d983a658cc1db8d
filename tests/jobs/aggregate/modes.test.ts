import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { safetensorsFile } from "./safetensors-file.ts";
import { JOB, type Results, serveResults } from "./serve-results.ts";
import { weights } from "./write-torch.ts";

let results: Results;
beforeAll(async () => {
  results = await serveResults();
});
afterAll(() => results.close());

const csv = { name: "out.csv", content: "a,b\n1,2\n" };
const model = {
  name: "m.safetensors",
  content: safetensorsFile({ w: { dtype: "U8", shape: [1], data_offsets: [0, 1] } }, Buffer.of(4)),
};

describe("auto", () => {
  it("averages when every result is a model, by its content and not by its name", async () => {
    const unnamed = { name: "upload", content: await weights(1) };
    expect((await results.aggregate("auto", [unnamed, unnamed])).details).toMatchObject({
      mode: "fedavg",
      format: "pytorch",
    });
    expect((await results.aggregate("auto", [model])).details).toMatchObject({ mode: "fedavg", format: "safetensors" });
  });

  it("joins when every result is a table", async () => {
    expect((await results.aggregate("auto", [csv, { ...csv, name: "upload" }])).details).toMatchObject({
      mode: "concat",
    });
    // A task without one has no rows to add.
    expect((await results.aggregate("auto", [csv, { url: null }, csv])).details).toMatchObject({
      mode: "concat",
      tasks: 3,
      results: 2,
    });
  });

  it.each([
    [
      "one is neither",
      [csv, { name: "plot.png", content: Buffer.from("89504e470d0a1a0a", "hex") }],
      "the result of task 2 is neither a table nor a model",
    ],
    [
      "one is a text of one column",
      [csv, { name: "log.txt", content: "started\nended\n" }],
      "the result of task 2 is neither a table nor a model",
    ],
    [
      "one is a JSON document",
      [{ name: "metrics.json", content: '{\n "loss": 1\n}' }],
      "the result of task 1 is neither a table nor a model",
    ],
    [
      "one is a zip of something else",
      [{ name: "a.zip", content: Buffer.from("504b0304", "hex") }],
      "the result of task 1 is neither a table nor a model",
    ],
    ["some are models and some tables", [csv, model], "the results are models and tables"],
    ["all are empty", [{ content: "" }, { content: "" }], "the result of task 1 is empty"],
    ["no task has a result", [{ url: null }, { url: "  " }], "no task has a result"],
    ["there are no tasks", [], "no task has a result"],
    ["one task has none, and the others models", [model, { url: null }, model], "task 2 has no result"],
  ])("gives nothing, and says why, when %s", async (_, given, reason) => {
    const { url, details } = await results.aggregate("auto", given);
    expect({ url, mode: details.mode, reason: details.reason }).toEqual({ url: null, mode: "none", reason });
  });

  it.each([
    ["of another host", () => "https://example.org/result.csv"],
    ["of another bucket", () => `gs://other/jobs/${JOB}/results/1/1/a.csv`],
    ["of another job", () => `gs://${results.bucket.name}/jobs/8/results/1/1/a.csv`],
    ["of the job's own code", () => `gs://${results.bucket.name}/jobs/${JOB}/code/train.py`],
    ["by another name than gs://", () => `${results.url}/${results.bucket.name}/jobs/${JOB}/results/1/1/a.csv`],
    ["in capitals", () => `GS://${results.bucket.name}/jobs/${JOB}/results/1/1/a.csv`],
    ["that is none", () => "result.csv"],
  ])("reads no URL %s", async (_, url) => {
    const given = [csv, { url: url() }];
    const { url: published, details } = await results.aggregate("auto", given);
    expect(published).toBeNull();
    expect(details.reason).toMatch(/^The result of task 2 is not in gs:\/\/results-bucket\/jobs\/7\/results\//);
    for (const mode of ["concat", "fedavg"] as const)
      await expect(results.aggregate(mode, given)).rejects.toMatchObject({
        code: "results_not_ours",
        retryable: false,
      });
  });
});

describe("any mode", () => {
  it("that is asked for by its name leaves out tasks without a result, and counts them", async () => {
    const { content, details } = await results.aggregate("concat", [csv, { url: null }, csv]);
    expect(content.toString()).toBe("a,b\n1,2\n1,2\n");
    expect(details).toMatchObject({ tasks: 3, results: 2 });
  });

  it.each(["concat", "fedavg"] as const)("fails without any result: %s", async (mode) => {
    await expect(results.aggregate(mode, [{ url: null }])).rejects.toMatchObject({ code: "results_missing" });
  });

  it("fails with the task's name when an object is missing", async () => {
    await expect(results.aggregate("auto", [csv, {}])).rejects.toMatchObject({
      code: "result_missing",
      message: expect.stringMatching(/^The result of task 2 is not in the bucket: there is no jobs\/7\/results\/2\//),
    });
  });

  it("fails when one was uploaded with a content-encoding", async () => {
    const object = `jobs/${JOB}/results/1/9/packed.csv`;
    await results.bucket.file(object).save(csv.content, { gzip: true, resumable: false });
    await expect(results.aggregate("auto", [{ url: `gs://${results.bucket.name}/${object}` }])).rejects.toMatchObject({
      code: "result_unreadable",
      message: expect.stringContaining("content-encoding gzip"),
    });
  });

  it("stores the result under a name of the run, in the job's folder", async () => {
    const { url } = await results.aggregate("concat", [csv], { runId: 4711 });
    expect(url).toBe(`gs://${results.bucket.name}/jobs/${JOB}/final/4711/result.csv`);
    expect((await results.aggregate("concat", [csv, csv], { runId: 4711 })).content.toString()).toBe("a,b\n1,2\n1,2\n");
  });

  it("stops when it is told to, and leaves no result", async () => {
    const stop = new AbortController();
    stop.abort(new Error("told to stop"));
    const stopped = results.aggregate("concat", [csv], { runId: 4712, signal: stop.signal });
    await expect(stopped).rejects.toThrow("told to stop");
    expect(await results.bucket.file(`jobs/${JOB}/final/4712/result.csv`).exists()).toEqual([false]);
  });
});

describe("fedavg and concat as they are asked for", () => {
  it("refuse what the other is for", async () => {
    await expect(results.aggregate("fedavg", [model, csv])).rejects.toMatchObject({
      code: "results_not_averageable",
      message: "Cannot average task 2: it is neither a safetensors file nor a PyTorch state dict.",
    });
    await expect(results.aggregate("concat", [csv, model])).rejects.toMatchObject({
      code: "results_not_tabular",
      message: "Cannot join task 2: it is no CSV, TSV, JSONL or Parquet file.",
    });
  });

  it("refuse results of two kinds", async () => {
    const torch = { content: await weights(1) };
    await expect(results.aggregate("fedavg", [model, torch])).rejects.toMatchObject({
      code: "results_differ",
      message: "The results do not fit together: task 1 is of the kind safetensors, task 2 of the kind torch.",
    });
    await expect(results.aggregate("concat", [csv, { content: '{"a":1}\n' }])).rejects.toMatchObject({
      code: "results_differ",
    });
  });

  it("join a text of one column when they are told to", async () => {
    const { content } = await results.aggregate("concat", [{ content: "a\n1\n" }, { content: "a\n2\n" }]);
    expect(content.toString()).toBe("a\n1\n2\n");
  });
});
