import { areaOf, BASE, isAdminOnly, isPublic } from "./api-paths.ts";

const TAGS = [
  { name: "auth", description: "Tokens for admins" },
  { name: "sync", description: "Snowflake tables, and their syncs into snapshots; for admins" },
  { name: "admin", description: "Tokens, grants and the audit trail; for admins" },
  { name: "tasks", description: "Runs and their containers; for admins" },
  { name: "data", description: "Tables, samples and profiles" },
  { name: "queries", description: "SQL over the tables that are granted" },
  { name: "artifacts", description: "Files that a swarm shares" },
];

/** What the description says of the API as a whole. */
export const DOCUMENT = {
  openapi: "3.1.0",
  info: {
    title: "Corral data API",
    version: "1",
    description:
      "Controlled access of AI agents to Snowflake tables, through immutable DuckDB snapshots. Every call is on record.",
  },
  servers: [{ url: "/functions/v1" }],
  tags: TAGS,
};

export const SECURITY_SCHEMES = {
  agent: {
    type: "http",
    scheme: "bearer",
    description: "`Authorization: Bearer <swarm token>;<agent token>`",
  },
  admin: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "A token of Supabase Auth whose `app_metadata.corral_role` is `admin`",
  },
  password: {
    type: "oauth2",
    flows: { password: { tokenUrl: `/functions/v1${BASE}/auth/token`, scopes: {} } },
    description: "The same token, by an admin's address and password",
  },
} as const;

const ADMIN: Requirement[] = [{ admin: [] }, { password: [] }];

type Requirement = Record<string, string[]>;

/** What a path says of all its operations: what it is about, and who may call it. */
export function describeOperation(path: string) {
  const security: Requirement[] = isPublic(path) ? [] : isAdminOnly(path) ? ADMIN : [{ agent: [] }, ...ADMIN];
  return { tags: [areaOf(path)], security };
}
