import { afterAll, beforeAll, expect, test } from "vitest";
import { LOGIN, serveSnowflake } from "../../local/snowflake/serve-snowflake.ts";
import { installPython, type Python } from "../install-python.ts";

let served: Awaited<ReturnType<typeof serveSnowflake>>;
let python: Python | { missing: string };
beforeAll(async () => {
  [served, python] = await Promise.all([serveSnowflake(), installPython(["snowflake-connector-python==4.7.1"])]);
});
afterAll(() => served.close());

const SCRIPT = `
import json, os, urllib.parse
import snowflake.connector
url = urllib.parse.urlparse(os.environ["URL"])
connection = snowflake.connector.connect(account="acct", user=os.environ["LOGIN"], password=os.environ["PASSWORD"], protocol="http",
    host=url.hostname, port=url.port, database="CORRAL", schema="PUBLIC", login_timeout=10)
cursor = connection.cursor()
out = {}
out["count"] = cursor.execute("SELECT COUNT(*) FROM airports").fetchone()[0]
row = cursor.execute("SELECT 12.30::NUMBER(5,2), '2020-01-01 00:00:00.123456'::TIMESTAMP_NTZ, '1969-07-20'::DATE, TRUE, NULL::VARCHAR").fetchone()
out["row"] = [str(cell) for cell in row]
out["bound"] = cursor.execute("SELECT %s, %s", (7, "it's")).fetchone()
out["chunks"] = sum(row[0] for row in cursor.execute("SELECT SEQ8() FROM TABLE(GENERATOR(ROWCOUNT => 50000))"))
try:
    cursor.execute("SELECT nothing FROM airports")
except snowflake.connector.errors.ProgrammingError as error:
    out["refused"] = [error.errno, error.sqlstate]
connection.close()
print(json.dumps(out))
`;

test("the Python connector logs in, reads, binds, takes chunks and is refused", async (context) => {
  if ("missing" in python) return context.skip(python.missing);
  const out = await python.run(SCRIPT, { URL: served.url, LOGIN: LOGIN.login, PASSWORD: LOGIN.password });
  expect(JSON.parse(out)).toEqual({
    count: 3376,
    row: ["12.30", "2020-01-01 00:00:00.123456", "1969-07-20", "True", "None"],
    bound: [7, "it's"],
    chunks: (50_000 * 49_999) / 2,
    refused: [904, "42000"],
  });
});
