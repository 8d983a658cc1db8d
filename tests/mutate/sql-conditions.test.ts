import { describe, expect, test } from "vitest";
import { findConditions } from "./sql-conditions.ts";

const textsOf = (body: string, returnsBoolean = false) =>
  findConditions(body, returnsBoolean).map(({ keyword, text }) => `${keyword} ${text.trim()}`);

describe("the conditions of a SQL function", () => {
  test.each([
    ["if a then b; elsif c then d; end if;", ["if a", "elsif c"]],
    ["continue when not found;", ["when not found"]],
    ["select case when a then 1 when b then 2 else 3 end", ["when a", "when b"]],
    ["delete from t where a = 'where; b' and c returning d;", ["where a = 'where; b' and c"]],
    ["select x from t where (a or b) order by c limit 1", ["where (a or b)"]],
    ["select x from t where a = b offset 0", ["where a = b"]],
    ["perform from t where a for no key update;", ["where a"]],
    ["for r in select x from t where a loop b; end loop;", ["where a"]],
    ["select exists (select from t where a = (b)) and c", ["where a = (b)"]],
  ])("of %j are %j", (body, conditions) => {
    expect(textsOf(body)).toEqual(conditions);
  });

  test.each([
    "select case state when 'a' then 1 end",
    "begin a; exception when others then b; end",
    "insert into t values (1) on conflict (a) where b do nothing",
    "-- where it is, if it is\nselect 'when x then'",
  ])("are not in %j", (body) => {
    expect(textsOf(body)).toEqual([]);
  });

  test("are also what it returns, when that is true or false", () => {
    expect(textsOf("return found or a;", true)).toEqual(["return found or a"]);
    expect(textsOf("return found or a;")).toEqual([]);
  });
});
