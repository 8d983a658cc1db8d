import { parseArgs } from "node:util";

export interface Ports {
  gateway: number;
  postgres: number;
  storage: number;
  cloudRun: number;
  kaggle: number;
  snowflake: number;
}

/** The gateway and Postgres listen where the Supabase CLI's own local stack does. */
const FIXED_PORTS: Ports = {
  gateway: 54321,
  postgres: 54322,
  storage: 54331,
  cloudRun: 54332,
  kaggle: 54333,
  snowflake: 54334,
};
export const FREE_PORTS: Ports = { gateway: 0, postgres: 0, storage: 0, cloudRun: 0, kaggle: 0, snowflake: 0 };

export interface CloudOptions {
  /** Folder of everything that outlives a stop; relative to the working directory. */
  dataDir: string;
  /** Forget what the data folder holds before starting. */
  fresh: boolean;
  ports: Ports;
  /** An existing Postgres with the real extensions, instead of the embedded one. */
  postgresUrl?: string;
  openEnrollment: boolean;
  openAdmin: boolean;
  /** Milliseconds between a job's launch and its container's start, as on the real service. */
  jobStartDelayMs: number;
}

export interface StartOptions extends CloudOptions {
  json: boolean;
  help: boolean;
}

export const HELP = `Usage: npm start -- [options]

Runs the whole cloud on this machine until Ctrl-C.

  --json                       print one JSON object on stdout once ready; all else goes to stderr
  --fresh                      start over: forget the data folder's contents
  --data-dir <folder>          where data lives (default .corral)
  --ports auto|fixed           auto picks free ports for everything (default fixed: 54321, …)
  --postgres-url <url>         use an existing Postgres that has pg_net, pg_cron and supabase_vault
  --open-enrollment true|false let clients without a token start and read (default true)
  --open-admin true|false      let clients without a token act as admin (default false)
  --job-start-delay <ms>       wait this long before a job's container starts (default 0)
  --help                       this text
`;

/** Reads the command line of `npm start`; throws an Error that names the option at fault. */
export function parseStartOptions(argv: string[]): StartOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      json: { type: "boolean", default: false },
      fresh: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      "data-dir": { type: "string", default: ".corral" },
      ports: { type: "string", default: "fixed" },
      "postgres-url": { type: "string" },
      "open-enrollment": { type: "string", default: "true" },
      "open-admin": { type: "string", default: "false" },
      "job-start-delay": { type: "string", default: "0" },
    },
  });
  const postgresUrl = values["postgres-url"];
  return {
    json: values.json,
    help: values.help,
    fresh: values.fresh,
    dataDir: folder("--data-dir", values["data-dir"]),
    ports: oneOf("--ports", values.ports, { auto: FREE_PORTS, fixed: FIXED_PORTS }),
    ...(postgresUrl === undefined ? {} : { postgresUrl }),
    openEnrollment: oneOf("--open-enrollment", values["open-enrollment"], { true: true, false: false }),
    openAdmin: oneOf("--open-admin", values["open-admin"], { true: true, false: false }),
    jobStartDelayMs: milliseconds("--job-start-delay", values["job-start-delay"]),
  };
}

function oneOf<T>(option: string, value: string, choices: Record<string, T>): T {
  const choice = Object.hasOwn(choices, value) ? choices[value] : undefined;
  if (choice === undefined) throw new Error(`${option} takes ${Object.keys(choices).join(" or ")}, not "${value}".`);
  return choice;
}

function folder(option: string, value: string): string {
  if (value === "") throw new Error(`${option} takes a folder, not "".`);
  return value;
}

function milliseconds(option: string, value: string): number {
  const parsed = Number(value);
  if (!Number.isInteger(parsed) || parsed < 0) throw new Error(`${option} takes whole milliseconds, not "${value}".`);
  return parsed;
}
