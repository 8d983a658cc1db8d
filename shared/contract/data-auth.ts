import { z } from "zod";
import { loginRequest } from "./auth.ts";

/** OAuth2's password form; what else belongs to it is taken and not asked for. */
export const issueTokenRequest = z.object({
  grant_type: z.string().optional(),
  username: loginRequest.shape.email.describe("The address of the account"),
  password: loginRequest.shape.password,
});

export const issueTokenReply = z
  .object({
    access_token: z.string(),
    token_type: z.literal("bearer"),
    expires_in: z.number().describe("In seconds"),
  })
  .meta({ id: "AccessToken" });
