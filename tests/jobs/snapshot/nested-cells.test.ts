import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { beforeAll, expect, test } from "vitest";
import { columnCells } from "../../../jobs/snapshot/nested-cells.ts";

let duckdb: DuckDBConnection;
beforeAll(async () => {
  duckdb = await (await DuckDBInstance.create(":memory:")).connect();
});

async function cellOf(expression: string) {
  const chunk = await (await duckdb.stream(`SELECT ${expression}`)).fetchChunk();
  return chunk === null ? undefined : columnCells(chunk, 0)[0];
}

test.each([
  ["7", 7],
  ["[1, NULL, 9007199254740993]", '[1,null,"9007199254740993"]'],
  ["NULL::INTEGER[]", null],
  ["[]", "[]"],
  ["{'a': [DATE '2020-01-01'], 'b': 1.5, 'c': NULL}", '{"a":["2020-01-01"],"b":1.5,"c":null}'],
  ["row(1, 2)", "[1,2]"],
  ["row(1, row(NULL, 'x'))", '[1,[null,"x"]]'],
  ["list_zip([1, 2], ['a', 'b'])", '[[1,"a"],[2,"b"]]'],
  ["struct_values({'a': 1, 'b': 2})", "[1,2]"],
  ["array_value(row(1, 2), row(3, 4))", "[[1,2],[3,4]]"],
  ["[{'a': row(1, 2)}, NULL]", '[{"a":[1,2]},null]'],
  ["{'2': 'a', '1': 'b', 'c': 'd'}", '{"2":"a","1":"b","c":"d"}'],
  ["struct_pack(__proto__ := 1, constructor := {'x': 2})", '{"__proto__":1,"constructor":{"x":2}}'],
  [`struct_pack("a ""quoted"" ü" := true)`, '{"a \\"quoted\\" ü":true}'],
  ["MAP {'k': 1}", '[{"key":"k","value":1}]'],
  ["MAP {row(1, 2): row(3, 4)}", '[{"key":[1,2],"value":[3,4]}]'],
  [
    "MAP {'__proto__': 1, '1': 2, '0': 3}::MAP(VARCHAR, INT)",
    '[{"key":"__proto__","value":1},{"key":"1","value":2},{"key":"0","value":3}]',
  ],
  ["union_value(a := row(1, 2))", "[1,2]"],
  ["union_value(a := NULL::INTEGER)", "null"],
  ["[union_value(a := {'2': 0, '1': 0})]", '[{"2":0,"1":0}]'],
  ["['infinity'::DATE, '-infinity'::DATE, DATE '2000-01-01']", '["infinity","-infinity","2000-01-01"]'],
  ["[-0.0::DOUBLE, 0.0, 'NaN']", '[-0.0,0,"NaN"]'],
  ["{'t': TIMESTAMPTZ '2020-01-01 00:00:00Z', 'b': unhex('00FF')}", '{"t":"2020-01-01T00:00:00Z","b":"AP8="}'],
  ["{'b': 1, 'a': [1, 'x'::VARIANT], 'n': NULL}::VARIANT", '{"b":1,"a":[1,"x"],"n":null}'],
  ["[{'a': 1}, {'a': 2}]::VARIANT", '[{"a":1},{"a":2}]'],
  ["1::VARIANT", "1"],
  ["NULL::VARIANT", null],
  ["'{}'::JSON::VARIANT", "{}"],
])("%s becomes %j", async (expression, cell) => {
  expect(await cellOf(expression)).toBe(cell);
});

test("every row of a chunk keeps its own", async () => {
  const result = await duckdb.stream("SELECT CASE WHEN range % 3 > 0 THEN [row(range, -range)] END FROM range(3000)");
  const cells: unknown[] = [];
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk())
    cells.push(...columnCells(chunk, 0));
  expect(cells).toEqual(Array.from({ length: 3000 }, (_, n) => (n % 3 > 0 ? `[[${n},${-n}]]` : null)));
});
