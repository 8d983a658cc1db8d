import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi } from "./start-api.ts";

let api: Awaited<ReturnType<typeof startApi>>;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

/** A registered table ORDERS in a schema of its own. */
async function addTable() {
  const schema = await api.addSchema("ORDERS");
  const { body } = await api.post("sync/tables/register", { table_name: "ORDERS", schema_name: schema });
  return { schema, id: body.table_id as number };
}

describe("/api/v1/sync/tables/{schema}/{table}/schedule", () => {
  const jobs = (id: number) => api.db.sql("select schedule from cron.job where jobname = $1", [`corral-sync-${id}`]);

  test("a schedule is put, replaced, shown and removed", async () => {
    const { schema, id } = await addTable();
    const path = `sync/tables/${schema}/orders/schedule`;
    const put = (body: object) => api.call(path, { method: "PUT", body });
    const shown = async () => (await api.call(path)).body;
    expect(await api.call(path)).toMatchObject({ status: 200, body: { schedule: null, spec: null } });

    const incremental = { strategy: "INCREMENTAL", incremental_key: "UPDATED_AT", config: { max_retries: 2 } };
    const first = await put({ cron: "0 4 * * *", ...incremental });
    expect(first).toMatchObject({
      status: 200,
      body: {
        schedule: "0 4 * * *",
        spec: { strategy: "incremental", incremental_key: "UPDATED_AT", max_retries: 2 },
      },
    });
    expect(await shown()).toEqual(first.body);

    const second = await put({ cron: "*/5 * * * *" });
    expect(second).toMatchObject({ status: 200, body: { spec: { strategy: "full" } } });
    expect(await shown()).toEqual(second.body);
    expect(await jobs(id)).toEqual([{ schedule: "*/5 * * * *" }]);
    expect((await api.call(`sync/tables/${schema}/ORDERS/status`)).body.schedule).toBe("*/5 * * * *");

    const removed = await api.call(path, { method: "DELETE" });
    expect(removed).toMatchObject({ status: 200, body: { schedule: null, spec: null } });
    expect(await jobs(id)).toEqual([]);
    expect(await shown()).toEqual({ schedule: null, spec: null });
  });

  test.for(["every day", "61 * * * *", "* * * *", "* * * * * *"])(
    "%s is refused as no cron expression, and the schedule before stays",
    async (cron) => {
      const { schema, id } = await addTable();
      const path = `sync/tables/${schema}/ORDERS/schedule`;
      await api.call(path, { method: "PUT", body: { cron: "0 4 * * *" } });
      expect(await api.call(path, { method: "PUT", body: { cron } })).toMatchObject({
        status: 422,
        body: { code: "invalid_schedule" },
      });
      expect(await jobs(id)).toEqual([{ schedule: "0 4 * * *" }]);
    },
  );
});
