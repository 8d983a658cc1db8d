import { z } from "zod";

const metadata = z
  .record(z.string(), z.unknown())
  .nullable()
  .transform((value) => value ?? {});

/** The columns of `auth.users` that leave the database; the password's hash is not among them. */
export const USER_COLUMNS = `users.id, users.aud, users.role, users.email, users.phone, users.email_confirmed_at,
  users.last_sign_in_at, users.raw_app_meta_data, users.raw_user_meta_data, users.banned_until, users.created_at,
  users.updated_at, users.is_anonymous`;

export const userRow = z.object({
  id: z.string(),
  aud: z.string().nullable(),
  role: z.string().nullable(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
  email_confirmed_at: z.date().nullable(),
  last_sign_in_at: z.date().nullable(),
  raw_app_meta_data: metadata,
  raw_user_meta_data: metadata,
  banned_until: z.date().nullable(),
  created_at: z.date().nullable(),
  updated_at: z.date().nullable(),
  is_anonymous: z.boolean(),
});

export type User = z.infer<typeof userRow>;

/** A user as GoTrue shows one. */
export function toUserBody(user: User) {
  return {
    id: user.id,
    aud: user.aud ?? "",
    role: user.role ?? "",
    email: user.email ?? "",
    email_confirmed_at: user.email_confirmed_at,
    phone: user.phone ?? "",
    confirmed_at: user.email_confirmed_at,
    last_sign_in_at: user.last_sign_in_at,
    app_metadata: user.raw_app_meta_data,
    user_metadata: user.raw_user_meta_data,
    identities: [toIdentity(user)],
    ...(user.banned_until === null ? {} : { banned_until: user.banned_until }),
    created_at: user.created_at,
    updated_at: user.updated_at,
    is_anonymous: user.is_anonymous,
  };
}

/** Everybody here signs in by e-mail, so that an identity says nothing that the user does not. */
function toIdentity(user: User) {
  return {
    identity_id: user.id,
    id: user.id,
    user_id: user.id,
    identity_data: {
      email: user.email ?? "",
      email_verified: user.email_confirmed_at !== null,
      phone_verified: false,
      sub: user.id,
    },
    provider: "email",
    last_sign_in_at: user.last_sign_in_at,
    created_at: user.created_at,
    updated_at: user.updated_at,
    email: user.email ?? "",
  };
}

export function isBanned(user: User): boolean {
  return user.banned_until !== null && user.banned_until.getTime() > Date.now();
}
