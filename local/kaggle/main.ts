import { parseArgs } from "node:util";
import { startKaggle } from "./start-kaggle.ts";
import { syntheticDataset } from "./synthetic-dataset.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    user: { type: "string", default: "corral:local-kaggle-key" },
    "latency-ms": { type: "string" },
    "bytes-per-second": { type: "string" },
    synthetic: { type: "string", multiple: true, default: [] },
    md5: { type: "boolean", default: false },
  },
});
const [username = "", key = ""] = values.user.split(":");
const latencyMs = values["latency-ms"];
const bytesPerSecond = values["bytes-per-second"];
const kaggle = await startKaggle({
  port: readNumber("--port", values.port),
  users: [{ username, key }],
  shape: {
    ...(latencyMs === undefined ? {} : { latencyMs: readNumber("--latency-ms", latencyMs) }),
    ...(bytesPerSecond === undefined
      ? {}
      : { bytesPerSecondPerConnection: readNumber("--bytes-per-second", bytesPerSecond) }),
  },
  extraDatasets: values.synthetic.map((option) => {
    const [ref = "", bytes = ""] = option.split(":");
    return syntheticDataset({ ref, bytes: readNumber("--synthetic owner/slug:bytes", bytes), md5: values.md5 });
  }),
});
console.log(JSON.stringify({ url: kaggle.url }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => kaggle.close());

function readNumber(option: string, value: string): number {
  const number = Number(value);
  if (value === "" || !Number.isInteger(number) || number < 0)
    throw new Error(`${option} takes whole numbers, not "${value}".`);
  return number;
}
