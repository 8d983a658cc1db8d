import { isUtf8 } from "node:buffer";
import { formatByName, type TabularFormat } from "./tabular-format.ts";

/** What bytes are by their beginning: a table, a wrapping that may hold one, or nothing that can be read as rows. */
export type Content = TabularFormat | "zip" | "gzip" | "json" | "html" | "utf-16" | "binary" | "empty";

/** How many bytes of a file are enough to tell. */
export const HEAD_BYTES = 256 * 1024;

const MAGIC: [string, Content][] = [
  ["504b0304", "zip"],
  // An archive without members.
  ["504b0506", "zip"],
  ["1f8b", "gzip"],
  ["50415231", "parquet"],
  ["fffe", "utf-16"],
  ["feff", "utf-16"],
];

/**
 * Tells a file's content by its first bytes, and where these leave it open (delimited text looks like any text) by its
 * name; a web page is one under any name, for it is what servers answer instead of files. The head is the whole file when that is shorter than `HEAD_BYTES`.
 */
export function detectContent(name: string, head: Buffer): Content {
  const start = head.toString("hex", 0, 4);
  const magic = MAGIC.find(([bytes]) => start.startsWith(bytes));
  if (magic !== undefined) return magic[1];
  const named = formatByName(name)?.format;
  // The name and nothing else says that this should have been Parquet; whoever reads it will find out.
  if (named === "parquet") return "parquet";
  const text = firstText(head);
  if (text === "") return "empty";
  if (/^<(!doctype|html|\?xml)/i.test(text)) return "html";
  if (named !== undefined) return named;
  if (head.includes(0) || !isUtf8(wholeCharacters(head))) return "binary";
  if (/^[{[]/.test(text)) return isJson(text.slice(0, text.search(/\r|\n|$/))) && text[0] === "{" ? "jsonl" : "json";
  return "csv";
}

/** The text at the head, without a byte order mark and leading white space. */
function firstText(head: Buffer): string {
  return head
    .toString("utf8")
    .replace(/^\ufeff/, "")
    .trimStart();
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** A head may end in the middle of a character. */
function wholeCharacters(head: Buffer): Buffer {
  let end = head.length;
  for (let back = 1; back <= Math.min(3, head.length); back++) {
    const byte = head[head.length - back] ?? 0;
    if (byte >= 0xc0) end = head.length - back;
    if (byte >= 0xc0 || byte < 0x80) break;
  }
  return isUtf8(head) ? head : head.subarray(0, end);
}
