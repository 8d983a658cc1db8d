import { Cron } from "croner";

/** When a pg_cron job is due. */
export type CronSchedule =
  | { kind: "interval"; seconds: number }
  | { kind: "start" }
  /** `matches` takes the first moment of a minute. */
  | { kind: "minutes"; matches: (minute: Date) => boolean };

const INTERVAL = /^\s*([1-9]|[1-5]\d)\s+seconds?\s*$/i;

const NICKNAMES: Record<string, string> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** Reads pg_cron's syntax, in GMT: five fields with `$` for a month's last day, a nickname, or `N seconds`. */
export function parseCronSchedule(text: string): CronSchedule {
  const interval = INTERVAL.exec(text)?.[1];
  if (interval !== undefined) return { kind: "interval", seconds: Number(interval) };
  const trimmed = text.trim().toLowerCase();
  if (trimmed === "@reboot") return { kind: "start" };
  const [minute = "", hour = "", day = "", month = "", weekday = "", ...rest] = (NICKNAMES[trimmed] ?? trimmed).split(
    /\s+/,
  );
  if (weekday === "" || rest.length > 0) throw new Error(`invalid schedule: ${text}`);
  // Vixie cron wants both day fields to match when either begins with a star, and one of them otherwise.
  const domAndDow = day.startsWith("*") || weekday.startsWith("*");
  const cron = new Cron([minute, hour, day.replace("$", "L"), month, weekday].join(" "), {
    mode: "5-part",
    timezone: "UTC",
    paused: true,
    domAndDow,
  });
  return { kind: "minutes", matches: (date) => cron.match(date) };
}
