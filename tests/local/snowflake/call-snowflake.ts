import { z } from "zod";
import { LOGIN } from "./serve-snowflake.ts";

const reply = z.object({
  success: z.boolean(),
  code: z.string().nullable(),
  message: z.string().nullable(),
  data: z.unknown(),
});
const loggedIn = z.object({ token: z.string() });
const result = z.object({
  queryId: z.string(),
  rowtype: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      nullable: z.boolean(),
      precision: z.number().nullable(),
      scale: z.number().nullable(),
      length: z.number().nullable(),
    }),
  ),
  rowset: z.array(z.array(z.string().nullable())),
  total: z.number(),
  chunks: z.array(z.object({ url: z.string(), rowCount: z.number(), uncompressedSize: z.number() })).default([]),
  chunkHeaders: z.record(z.string(), z.string()).default({}),
});
const rows = z.array(z.array(z.string().nullable()));
const refused = z.object({ errorCode: z.string(), sqlState: z.string(), line: z.number(), pos: z.number() });

/** Speaks the protocol by hand, so that cells can be seen as they are on the wire. */
export async function callSnowflake(url: string, place = "databaseName=CORRAL&schemaName=PUBLIC") {
  const post = async (path: string, body: unknown, token?: string) => {
    const headers = {
      "content-type": "application/json",
      ...(token && { authorization: `Snowflake Token="${token}"` }),
    };
    const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
    return reply.parse(await answer.json());
  };
  const data = { LOGIN_NAME: LOGIN.login, PASSWORD: LOGIN.password, AUTHENTICATOR: "SNOWFLAKE" };
  const { token } = loggedIn.parse((await post(`/session/v1/login-request?${place}`, { data })).data);
  const send = (sqlText: string, more: object = {}) => post("/queries/v1/query-request", { sqlText, ...more }, token);

  return {
    token,

    /** The result of a statement that must succeed. */
    async run(sqlText: string, more: object = {}) {
      const answer = await send(sqlText, more);
      if (!answer.success) throw new Error(`${answer.code} ${answer.message}: ${sqlText}`);
      return result.parse(answer.data);
    },

    /** The cells of a statement that must succeed. */
    async cells(sqlText: string, more: object = {}) {
      return (await this.run(sqlText, more)).rowset;
    },

    /** A result with all of its rows, and how many came with the reply and with each chunk. */
    async whole(sqlText: string) {
      const { rowset, chunks, chunkHeaders, total } = await this.run(sqlText);
      const cells = [...rowset];
      for (const { url, rowCount, uncompressedSize } of chunks) {
        const text = await (await fetch(url, { headers: chunkHeaders })).text();
        const piece = rows.parse(JSON.parse(`[${text}]`));
        if (piece.length !== rowCount || Buffer.byteLength(text) !== uncompressedSize)
          throw new Error(`not as announced: ${url}`);
        for (const row of piece) cells.push(row);
      }
      return { cells, total, counts: [rowset.length, ...chunks.map(({ rowCount }) => rowCount)] };
    },

    /** The refusal of a statement that must fail. */
    async refusal(sqlText: string) {
      const answer = await send(sqlText);
      if (answer.success) throw new Error(`not refused: ${sqlText}`);
      return { message: answer.message, ...refused.parse(answer.data) };
    },
  };
}

export type Caller = Awaited<ReturnType<typeof callSnowflake>>;
