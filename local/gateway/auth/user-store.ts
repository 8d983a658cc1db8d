import pg, { type Pool, type QueryResult } from "pg";
import { z } from "zod";
import { AuthError } from "./auth-error.ts";
import { USER_COLUMNS, type User, userRow } from "./user.ts";

export interface NewUser {
  id: string;
  email: string;
  /** Hashed by pgcrypto with bcrypt, as GoTrue's are; null for one who cannot sign in by password. */
  password: string | null;
  passwordHash: string | null;
  isConfirmed: boolean;
  role: string;
  appMetadata: Record<string, unknown>;
  userMetadata: Record<string, unknown>;
  banDuration: string | null;
}

/** What may change; what is null stays. Metadata is merged, and a key set to null is removed. */
export interface UserChange {
  email: string | null;
  password: string | null;
  confirm: boolean | null;
  role: string | null;
  appMetadata: Record<string, unknown> | null;
  userMetadata: Record<string, unknown> | null;
  banDuration: string | null;
}

const BCRYPT_COST = 10;
const UNIQUE_VIOLATION = "23505";
const LIVING = "users.deleted_at is null";
const HASH = (password: string) => `extensions.crypt(${password}, extensions.gen_salt('bf', ${BCRYPT_COST}))`;
/** `none` lifts a ban. */
const BAN = (duration: string) => `case when ${duration} <> 'none' then now() + ${duration}::interval end`;
const MERGED = (column: string, change: string) =>
  `(select coalesce(jsonb_object_agg(key, value), '{}')
    from jsonb_each(coalesce(${column}, '{}') || coalesce(${change}::jsonb, '{}')) where value <> 'null')`;

/** `auth.users`, one statement per intent. */
export class UserStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Resolves to undefined when the address is taken. */
  async create(user: NewUser): Promise<User | undefined> {
    const values = [
      user.id,
      user.email,
      user.password,
      user.passwordHash,
      user.isConfirmed,
      user.role,
      user.appMetadata,
      user.userMetadata,
      user.banDuration,
    ];
    try {
      return firstUser(await this.#pool.query(CREATE_SQL, values));
    } catch (error) {
      if (error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION) return undefined;
      throw error;
    }
  }

  /** The user with that address, if the password is his. */
  async findByPassword(email: string, password: string): Promise<User | undefined> {
    const result = await this.#pool.query(FIND_BY_PASSWORD_SQL, [email, password]);
    return firstUser(result);
  }

  async find(id: string): Promise<User | undefined> {
    const text = `select ${USER_COLUMNS} from auth.users where id = $1 and ${LIVING}`;
    return firstUser(await this.#pool.query(text, [id]));
  }

  async list(page: number, perPage: number): Promise<{ users: User[]; total: number }> {
    const text = `select ${USER_COLUMNS}, count(*) over ()::int as total from auth.users where ${LIVING}
      order by created_at desc, id limit $1 offset $2`;
    const { rows } = await this.#pool.query(text, [perPage, (page - 1) * perPage]);
    const users = z.array(userRow.extend({ total: z.number() })).parse(rows);
    return { users, total: users[0]?.total ?? 0 };
  }

  async change(id: string, change: UserChange): Promise<User | undefined> {
    const values = [
      id,
      change.email,
      change.password,
      change.confirm,
      change.role,
      change.appMetadata,
      change.userMetadata,
      change.banDuration,
    ];
    try {
      return firstUser(await this.#pool.query(CHANGE_SQL, values));
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== UNIQUE_VIOLATION) throw error;
      throw new AuthError(422, "email_exists", "A user with this email address has already been registered");
    }
  }

  async remove(id: string): Promise<User | undefined> {
    return firstUser(await this.#pool.query(`delete from auth.users where id = $1 returning ${USER_COLUMNS}`, [id]));
  }
}

function firstUser({ rows }: QueryResult): User | undefined {
  return userRow.optional().parse(rows[0]);
}

const CREATE_SQL = `
insert into auth.users as users (id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
                                 raw_user_meta_data, banned_until, created_at, updated_at)
values ($1, 'authenticated', $6, $2, coalesce($4, ${HASH("$3")}, ''), case when $5::boolean then now() end, $7::jsonb,
        $8::jsonb, ${BAN("$9::text")}, now(), now())
returning ${USER_COLUMNS}`;

// Hashes that other tools marked $2b$ or $2y$ are the same algorithm, which pgcrypto knows as $2a$ only.
const FIND_BY_PASSWORD_SQL = `
select ${USER_COLUMNS}
from auth.users, lateral (select '$2a$' || substr(users.encrypted_password, 5) as hash) as stored
where users.email = $1 and ${LIVING}
  and case when users.encrypted_password ~ '^\\$2[aby]\\$' then extensions.crypt($2, stored.hash) = stored.hash
      else false end`;

const CHANGE_SQL = `
update auth.users set
  email = coalesce($2, email),
  encrypted_password = coalesce(${HASH("$3")}, encrypted_password),
  email_confirmed_at = case when $4::boolean then coalesce(email_confirmed_at, now()) else email_confirmed_at end,
  role = coalesce($5, role),
  raw_app_meta_data = ${MERGED("raw_app_meta_data", "$6")},
  raw_user_meta_data = ${MERGED("raw_user_meta_data", "$7")},
  banned_until = case when $8::text is null then banned_until else ${BAN("$8::text")} end,
  updated_at = now()
where id = $1 and ${LIVING}
returning ${USER_COLUMNS}`;
