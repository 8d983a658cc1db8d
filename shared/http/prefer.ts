/** The seconds of `Prefer: wait=N` (RFC 7240), or undefined when the header asks for no such thing. */
export function preferredWait(prefer: string | undefined): number | undefined {
  const wait = prefer
    ?.split(/[,;]/)
    .map((preference) => /^\s*wait\s*=\s*"?(\d{1,9})"?\s*$/i.exec(preference)?.[1])
    .find((seconds) => seconds !== undefined);
  return wait === undefined ? undefined : Number(wait);
}
