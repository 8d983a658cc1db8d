// Learns, from one chunk of the Seattle weather, to tell the day's highest temperature from the rest of the day: linear
// least squares. Leaves the weights as model.safetensors and how many rows they rest on in metrics.json.
import { readFileSync, writeFileSync } from "node:fs";

const FEATURES = 4;

/** The rows of the CSV as numbers, without the days that are held out for the examination: every fifth of a month. */
function readDays(path) {
  const [header, ...lines] = readFileSync(path, "utf8").trim().split("\n");
  const names = header.split(",");
  const column = (name) => names.indexOf(name);
  return lines
    .map((line) => line.split(","))
    .filter((cells) => Number(cells[column("date")].slice(8, 10)) % 5 !== 0)
    .map((cells) => ({
      features: [
        1,
        Number(cells[column("temp_min")]),
        Number(cells[column("precipitation")]),
        Number(cells[column("wind")]),
      ],
      target: Number(cells[column("temp_max")]),
    }));
}

/** Solves the normal equations by Gaussian elimination with pivots. */
function leastSquares(days) {
  const rows = Array.from({ length: FEATURES }, (_, i) => [
    ...Array.from({ length: FEATURES }, (_, j) => sum(days, ({ features }) => features[i] * features[j])),
    sum(days, ({ features, target }) => features[i] * target),
  ]);
  for (let pivot = 0; pivot < FEATURES; pivot++) {
    const best = rows.slice(pivot).reduce((a, b) => (Math.abs(b[pivot]) > Math.abs(a[pivot]) ? b : a));
    rows.splice(rows.indexOf(best), 1);
    rows.splice(pivot, 0, best);
    for (const row of rows) {
      if (row === best) continue;
      const factor = row[pivot] / best[pivot];
      for (let k = pivot; k <= FEATURES; k++) row[k] -= factor * best[k];
    }
  }
  return rows.map((row, i) => row[FEATURES] / row[i]);
}

const sum = (items, value) => items.reduce((total, item) => total + value(item), 0);

/** One float64 tensor in the safetensors format: the header's length, the header as JSON, the numbers. */
function toSafetensors(weights) {
  const data = Buffer.from(new Float64Array(weights).buffer);
  const header = JSON.stringify({ weights: { dtype: "F64", shape: [weights.length], data_offsets: [0, data.length] } });
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, Buffer.from(padded), data]);
}

const days = readDays(process.env.CORRAL_DATA);
writeFileSync("model.safetensors", toSafetensors(leastSquares(days)));
writeFileSync("metrics.json", JSON.stringify({ rows: days.length }));
