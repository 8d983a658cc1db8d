import { afterAll, beforeAll, expect, test } from "vitest";
import { startFunctions } from "./start-functions.ts";

let functions: Awaited<ReturnType<typeof startFunctions>>;
beforeAll(async () => {
  functions = await startFunctions();
});
afterAll(() => functions.close());

test("health answers as the dataset agent does, without a token, and tells that Postgres answers", async () => {
  const { status, body } = await functions.call("/health");
  expect(status).toBe(200);
  expect(body).toEqual({ status: "healthy", agent: "dataset", auto_polling: true, postgres: "ok" });
});

test("health tells when automatic ingestion is off", async () => {
  await functions.db.sql("update corral.settings set auto_ingestion = false");
  expect((await functions.call("/health")).body).toMatchObject({ status: "healthy", auto_polling: false });
});

test("health answers 503 when Postgres does not, and logs why", async () => {
  await functions.db.sql("alter function public.get_health() rename to get_health_away");
  const { status, body } = await functions.call("/health");
  expect(status).toBe(503);
  expect(body).toMatchObject({ status: "unhealthy", agent: "dataset", postgres: "unreachable" });
  await functions.db.sql("alter function public.get_health_away() rename to get_health");
  expect((await functions.call("/health")).status).toBe(200);
});

test("health takes no other method", async () => {
  const { status, body } = await functions.call("/health", { method: "POST" });
  expect(status).toBe(405);
  expect(body).toMatchObject({ detail: "Method Not Allowed" });
});
