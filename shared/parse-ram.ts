const GIBIBYTES: Record<string, number> = { "": 1 / 1024 ** 3, k: 1 / 1024 ** 2, m: 1 / 1024, g: 1, t: 1024 };
/** A number without a unit that is no smaller counts bytes; no machine has as many gigabytes. */
const FEWEST_BYTES = 1_000_000;
const MOST_GB = 1_000_000;

/**
 * What a machine says of its memory, in GB as memory is sold, of 1024³ bytes: `64GB`, `64 GiB`, `65,536 MB`, `62.7 G` and
 * the number 64 are all understood, a large number as bytes. Null for what is no size.
 */
export function parseRamGb(ram: string | number): number | null {
  const [, whole, unit] = /^\s*([\d.,]+)\s*([a-z]*)\s*$/i.exec(String(ram)) ?? [];
  const amount = readNumber(whole ?? "");
  if (amount === undefined) return null;
  const gb = amount * (unit === "" ? scaleOf(amount) : unitOf(unit ?? ""));
  return gb > 0 && gb <= MOST_GB ? Math.round(gb * 1000) / 1000 : null;
}

/** With commas between the thousands, or one before the decimals. */
function readNumber(text: string): number | undefined {
  if (/^\d{1,3}(,\d{3})+(\.\d+)?$/.test(text)) return Number(text.replaceAll(",", ""));
  return /^\d+([.,]\d+)?$/.test(text) ? Number(text.replace(",", ".")) : undefined;
}

const scaleOf = (amount: number) => (amount >= FEWEST_BYTES ? 1 / 1024 ** 3 : 1);

function unitOf(unit: string): number {
  const [, prefix] = /^([kmgt]?)(?:i?b)?$/.exec(unit.toLowerCase()) ?? [];
  return (prefix === undefined ? undefined : GIBIBYTES[prefix]) ?? Number.NaN;
}
