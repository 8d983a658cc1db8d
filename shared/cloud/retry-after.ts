/**
 * Reads an HTTP Retry-After header, which holds seconds or an HTTP date, as whole seconds from now.
 * Undefined where there is none or it makes no sense; never negative, never more than the cap.
 */
export function parseRetryAfter(header: string | null | undefined, capSeconds: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - Date.now()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), capSeconds);
}
