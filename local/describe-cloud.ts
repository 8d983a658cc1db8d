import type { CloudInfo } from "./cloud.ts";

/** What a person needs to use a running local cloud, as text for a terminal. */
export function describeCloud(info: CloudInfo): string {
  const rows: [string, string][] = [
    ["Functions", info.functions_url],
    ["API", info.api_url],
    ["Postgres", info.postgres_url],
    ["Cloud Storage", `${info.storage_endpoint}  bucket ${info.bucket}`],
    ["Cloud Run", info.cloud_run_endpoint],
    ["Kaggle", info.kaggle_endpoint],
    ["Snowflake", `${info.snowflake_url}  user ${info.snowflake.user}  password ${info.snowflake.password}`],
    ["anon key", info.anon_key],
    ["service_role key", info.service_role_key],
    ["Admin", `${info.admin.email}  password ${info.admin.password}`],
    ["Owner", `${info.owner.email}  password ${info.owner.password}  id ${info.owner.id}`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  return `\nCorral's local cloud is ready.\n\n${lines.join("\n")}\n\nTry:  curl ${info.functions_url}/health\nStop: Ctrl-C\n\n`;
}
