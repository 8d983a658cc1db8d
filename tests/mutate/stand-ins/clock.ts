import type { StandInMutant } from "../stand-in-mutant.ts";

const FILE = "supabase/migrations/20261120000100_foundation.sql";
const tests = ["tests/db/migrations.test.ts"];

/** `corral.now()`: no stand-in, but a function whose place the test template takes, so that SQL mutants pass it by. */
export const clockMutants: StandInMutant[] = [
  {
    title: "corral.now stands still",
    file: FILE,
    find: "as $$ select pg_catalog.now() $$;",
    replace: "as $$ select timestamptz '2000-01-01Z' $$;",
    tests,
  },
  {
    title: "corral.now goes on during a transaction",
    file: FILE,
    find: "language sql stable\nas $$ select pg_catalog.now() $$;",
    replace: "language sql volatile\nas $$ select pg_catalog.clock_timestamp() $$;",
    tests,
  },
];
