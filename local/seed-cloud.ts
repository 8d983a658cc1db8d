import pg from "pg";
import { z } from "zod";

interface Login {
  email: string;
  password: string;
}

export interface Account extends Login {
  id: string;
}

export interface CloudSettings {
  functionsUrl: string;
  dispatchSecret: string;
  openEnrollment: boolean;
  openAdmin: boolean;
}

const ADMIN = { email: "admin@corral.local", password: "corral-admin" };
const OWNER = { email: "owner@corral.local", password: "corral-owner" };

/** Puts into Postgres what docs/deploy.md has a person put there: the two secrets and the open modes. */
export async function configure(adminUrl: string, settings: CloudSettings): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await putSecret(client, "corral_functions_url", settings.functionsUrl);
    await putSecret(client, "corral_dispatch_secret", settings.dispatchSecret);
    await client.query("update corral.settings set open_enrollment = $1, open_admin = $2", [
      settings.openEnrollment,
      settings.openAdmin,
    ]);
  } finally {
    await client.end();
  }
}

async function putSecret(client: pg.Client, name: string, value: string): Promise<void> {
  const found = await client.query<{ id: string }>("select id from vault.secrets where name = $1", [name]);
  const id = found.rows[0]?.id;
  if (id === undefined) await client.query("select vault.create_secret($1, $2)", [value, name]);
  else await client.query("select vault.update_secret($1, $2)", [id, value]);
}

/** Makes the admin and the owner that `npm start` prints, unless an earlier start has. */
export async function createAccounts(
  apiUrl: string,
  serviceRoleKey: string,
): Promise<{ admin: Account; owner: Account }> {
  return {
    admin: { ...ADMIN, id: await createUser(apiUrl, serviceRoleKey, ADMIN, { corral_role: "admin" }) },
    owner: { ...OWNER, id: await createUser(apiUrl, serviceRoleKey, OWNER, {}) },
  };
}

const userReply = z.object({ id: z.uuid() });
const sessionReply = z.object({ access_token: z.string(), user: userReply });

/** Resolves to the id of the Supabase Auth user with that login, new or not. */
async function createUser(
  apiUrl: string,
  serviceRoleKey: string,
  login: Login,
  appMetadata: Record<string, unknown>,
): Promise<string> {
  const created = await postAuth(apiUrl, serviceRoleKey, "admin/users", {
    ...login,
    email_confirm: true,
    app_metadata: appMetadata,
  });
  if (created.ok) return userReply.parse(await created.json()).id;
  if (created.status !== 422) throw new Error(`Cannot create user ${login.email}: ${await created.text()}`);
  return (await openSession(apiUrl, serviceRoleKey, login)).user.id;
}

/** Resolves to an access token of Supabase Auth. */
export async function signIn(apiUrl: string, apiKey: string, login: Login): Promise<string> {
  return (await openSession(apiUrl, apiKey, login)).access_token;
}

async function openSession(apiUrl: string, apiKey: string, { email, password }: Login) {
  const session = await postAuth(apiUrl, apiKey, "token?grant_type=password", { email, password });
  if (!session.ok) throw new Error(`Cannot sign in as ${email}: ${await session.text()}`);
  return sessionReply.parse(await session.json());
}

function postAuth(apiUrl: string, apiKey: string, path: string, body: unknown): Promise<Response> {
  return fetch(`${apiUrl}/auth/v1/${path}`, {
    method: "POST",
    headers: { apikey: apiKey, authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}
