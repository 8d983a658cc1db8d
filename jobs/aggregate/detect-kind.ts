import { detectContent, HEAD_BYTES } from "../tabular/detect-content.ts";
import { formatByName, type TabularFormat } from "../tabular/tabular-format.ts";
import type { ResultFile } from "./result-file.ts";

/** What a result is; `text` may be a table of one column, or no table at all. */
export type ResultKind = "safetensors" | "torch" | "legacy-torch" | TabularFormat | "text" | "empty" | "other";

/** What torch.save wrote before version 1.6: the pickle of a magic number. */
const LEGACY_TORCH = Buffer.from("80028a0a6cfc9c46f9206aa850192e", "hex");
const OPENING_BRACE = 0x7b;

/** Tells what a result is by its content, and only between kinds of text by its name. */
export async function detectKind({ name, source }: ResultFile): Promise<ResultKind> {
  const head = await source.read(0, Math.min(source.size, HEAD_BYTES));
  if (head.subarray(0, LEGACY_TORCH.length).equals(LEGACY_TORCH)) return "legacy-torch";
  // Going by the name too, so that whoever reads a broken one says how it is broken.
  if (head.length > 0 && name.endsWith(".safetensors")) return "safetensors";
  if (isSafetensors(head, source.size)) return "safetensors";
  const content = detectContent(name, head);
  switch (content) {
    case "zip":
      // The record that torch.save writes first.
      return head.includes("/data.pkl") ? "torch" : "other";
    case "csv":
      return formatByName(name) === undefined && !hasColumns(head) ? "text" : "csv";
    case "tsv":
    case "jsonl":
    case "parquet":
    case "empty":
      return content;
    default:
      return "other";
  }
}

/** A length, then a JSON object of that length; eight letters would be the length of an absurdly long one. */
function isSafetensors(head: Buffer, size: number): boolean {
  return head.length > 8 && head[8] === OPENING_BRACE && head.readBigUInt64LE() <= BigInt(size - 8);
}

function hasColumns(head: Buffer): boolean {
  const [line = ""] = head.toString("utf8").split(/[\r\n]/, 1);
  return /[,\t;|]/.test(line);
}
