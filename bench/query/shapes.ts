/** A query as fleets ask it; direct is the same for DuckDB with the file attached as `flights` and `airports`. */
export interface Shape {
  name: string;
  sql: string;
}

/** What is asked of 3 million flights. */
export const SHAPES: Shape[] = [
  {
    name: "point lookup",
    sql: "select * from flights where origin = 'SEA' and destination = 'ATL' and delay = 42 limit 1",
  },
  {
    name: "group-by",
    sql: "select origin, count(*) as flights, avg(delay) as delay from flights group by origin order by flights desc",
  },
  {
    name: "join",
    sql: "select a.state, avg(f.delay) as delay from flights f join airports a on a.iata = f.origin group by a.state order by delay",
  },
  {
    name: "sample of 1,000",
    sql: "select * from flights using sample reservoir(1000 rows) repeatable (7)",
  },
];
