import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Column } from "./catalog.ts";
import type { ColumnType } from "./column-type.ts";
import { quoteText } from "./sql/identifiers.ts";

const DATA = join(dirname(createRequire(import.meta.url).resolve("vega-datasets")), "../data");

interface SampleTable {
  columns: Column[];
  comment: string;
  /** DuckDB SQL of the rows, in the order of the columns, reading a file of the package vega-datasets. */
  rows(file: string): string;
  file: string;
}

const text: ColumnType = { kind: "text", length: 16_777_216 };
const integer: ColumnType = { kind: "fixed", precision: 38, scale: 0 };
const real: ColumnType = { kind: "real" };
const date: ColumnType = { kind: "date" };
const moment: ColumnType = { kind: "timestamp_ntz", precision: 0, scale: 9 };

const columns = (types: Record<string, ColumnType>): Column[] =>
  Object.entries(types).map(([name, type]) => ({ name, type, nullable: true }));

const csv = (file: string) => `read_csv(${quoteText(file)}, header = true, all_varchar = true)`;
const movie = (name: string) => `j ->> '$."${name}"'`;

/** The real tables of CORRAL.PUBLIC. */
export const SAMPLE_TABLES: Record<string, SampleTable> = {
  AIRPORTS: {
    comment: "Airports of the United States",
    file: "airports.csv",
    columns: columns({
      IATA: text,
      NAME: text,
      CITY: text,
      STATE: text,
      COUNTRY: text,
      LATITUDE: real,
      LONGITUDE: real,
    }),
    rows: (file) => `SELECT iata, name, city, state, country, latitude::DOUBLE, longitude::DOUBLE FROM ${csv(file)}`,
  },
  BIRDSTRIKES: {
    comment: "Reported collisions of aircraft with wildlife",
    file: "birdstrikes.csv",
    columns: columns({
      AIRPORT_NAME: text,
      AIRCRAFT_MAKE_MODEL: text,
      EFFECT_AMOUNT_OF_DAMAGE: text,
      FLIGHT_DATE: date,
      AIRCRAFT_AIRLINE_OPERATOR: text,
      ORIGIN_STATE: text,
      PHASE_OF_FLIGHT: text,
      WILDLIFE_SIZE: text,
      WILDLIFE_SPECIES: text,
      TIME_OF_DAY: text,
      COST_OTHER: integer,
      COST_REPAIR: integer,
      COST_TOTAL: integer,
      SPEED_IAS_IN_KNOTS: integer,
    }),
    rows: (file) => `SELECT "Airport Name", "Aircraft Make Model", "Effect Amount of damage", "Flight Date"::DATE,
      "Aircraft Airline Operator", "Origin State", "Phase of flight", "Wildlife Size", "Wildlife Species", "Time of day",
      "Cost Other"::BIGINT, "Cost Repair"::BIGINT, "Cost Total $"::BIGINT, "Speed IAS in knots"::BIGINT FROM ${csv(file)}`,
  },
  FLIGHTS: {
    comment: "Flights in the United States, January to June 2001",
    file: "flights-3m.parquet",
    columns: columns({ DATE: moment, DELAY: integer, DISTANCE: integer, ORIGIN: text, DESTINATION: text }),
    rows: (file) =>
      `SELECT {'ntz': epoch_us(date)::HUGEINT * 1000}, delay, distance, origin, destination FROM read_parquet(${quoteText(file)})`,
  },
  MOVIES: {
    comment: "Movies with their grosses and ratings",
    file: "movies.json",
    columns: columns({
      TITLE: text,
      US_GROSS: integer,
      WORLDWIDE_GROSS: integer,
      US_DVD_SALES: integer,
      PRODUCTION_BUDGET: integer,
      RELEASE_DATE: date,
      MPAA_RATING: text,
      RUNNING_TIME_MIN: integer,
      DISTRIBUTOR: text,
      SOURCE: text,
      MAJOR_GENRE: text,
      CREATIVE_TYPE: text,
      DIRECTOR: text,
      ROTTEN_TOMATOES_RATING: integer,
      IMDB_RATING: real,
      IMDB_VOTES: integer,
    }),
    rows: (file) => `SELECT ${movie("Title")}, (${movie("US Gross")})::BIGINT, (${movie("Worldwide Gross")})::BIGINT,
      (${movie("US DVD Sales")})::BIGINT, (${movie("Production Budget")})::BIGINT,
      try_strptime(${movie("Release Date")}, '%b %d %Y')::DATE, ${movie("MPAA Rating")}, (${movie("Running Time min")})::BIGINT,
      ${movie("Distributor")}, ${movie("Source")}, ${movie("Major Genre")}, ${movie("Creative Type")}, ${movie("Director")},
      (${movie("Rotten Tomatoes Rating")})::BIGINT, (${movie("IMDB Rating")})::DOUBLE, (${movie("IMDB Votes")})::BIGINT
      FROM read_json_objects(${quoteText(file)}, format = 'array') t(j)`,
  },
  WEATHER: {
    comment: "Daily weather in Seattle and New York",
    file: "weather.csv",
    columns: columns({
      LOCATION: text,
      DATE: date,
      PRECIPITATION: { kind: "fixed", precision: 6, scale: 1 },
      TEMP_MAX: { kind: "fixed", precision: 5, scale: 1 },
      TEMP_MIN: { kind: "fixed", precision: 5, scale: 1 },
      WIND: { kind: "fixed", precision: 5, scale: 1 },
      WEATHER: text,
    }),
    rows: (file) => `SELECT location, date::DATE, precipitation::DECIMAL(6,1), temp_max::DECIMAL(5,1),
      temp_min::DECIMAL(5,1), wind::DECIMAL(5,1), weather FROM ${csv(file)}`,
  },
};

/** DuckDB SQL of a real table's rows; undefined where the package lacks its file. */
export function sampleRows(name: string): string | undefined {
  const table = SAMPLE_TABLES[name];
  if (table === undefined) return undefined;
  const file = join(DATA, table.file);
  return existsSync(file) ? table.rows(file) : undefined;
}
