import { JobFailure } from "../job-failure.ts";
import { formatByName } from "../tabular/tabular-format.ts";
import type { ZipArchive, ZipMember } from "./zip-archive.ts";

const NAMES_SHOWN = 10;
/** May hold rows; taken only where nothing says that it does. */
const AMBIGUOUS = /\.(json|txt|dat|data|psv)(\.gz)?$/i;

/** The member of that name, or without one the largest table in an archive. */
export function chooseMember(archive: ZipArchive, wanted: string | null): ZipMember {
  const { name, members } = archive;
  if (wanted !== null) return findMember(archive, wanted);
  const tables = members.filter((member) => formatByName(member.name) !== undefined);
  const candidates = tables.length > 0 ? tables : members.filter((member) => AMBIGUOUS.test(member.name));
  const [largest] = candidates.toSorted((a, b) => b.entry.uncompressedSize - a.entry.uncompressedSize);
  if (largest !== undefined) return largest;
  const held = members.length === 0 ? "no files" : `no CSV, TSV, JSONL or Parquet file, only ${listNames(members)}`;
  throw new JobFailure("no_tabular_file", `Cannot split ${name}: it holds ${held}.`);
}

/** By its whole name, or by the last part of it where that is unmistakable. */
function findMember({ name, members }: ZipArchive, wanted: string): ZipMember {
  const path = wanted.normalize().replace(/^(\.?\/)+/, "");
  const whole = members.find((member) => member.name === path);
  const [last, ...others] = members.filter((member) => member.name.split("/").at(-1) === path);
  const found = whole ?? (others.length === 0 ? last : undefined);
  if (found !== undefined) return found;
  const message = `${name} holds no file ${wanted}, or more than one. It holds ${listNames(members)}.`;
  throw new JobFailure("data_file_not_found", message);
}

function listNames(members: readonly ZipMember[]): string {
  if (members.length === 0) return "nothing";
  const shown = members.slice(0, NAMES_SHOWN).map((member) => member.name);
  const rest = members.length - shown.length;
  return shown.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
