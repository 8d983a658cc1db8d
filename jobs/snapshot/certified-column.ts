interface Named {
  /** What the column is called in both. */
  name: string;
  /** Snowflake's SQL of the value, where that is not simply the column: `ST_ASGEOJSON("PLACE")`. */
  sourceSql?: string;
}

/** A column as Snowflake and the snapshot hold it: what kind of values, and where DuckDB has all of their bits. */
export type CertifiedColumn = Named &
  (
    | { kind: "number"; scale: number }
    | { kind: "float" | "boolean" | "date" | "text" | "binary" }
    /** VARIANT, OBJECT and ARRAY, as TO_JSON writes them: the snapshot holds that very text. */
    | { kind: "json" }
    /**
     * In DuckDB nanoseconds since midnight as an integer, or a TIME which is exact to microseconds, with the
     * nanoseconds told by `textColumn`: `HH:MM:SS.fffffffff`.
     */
    | { kind: "time"; textColumn?: string }
    /**
     * TIMESTAMP_NTZ, TIMESTAMP_LTZ and TIMESTAMP_TZ; those with a zone are compared in UTC. In DuckDB a TIMESTAMP_NS,
     * or a TIMESTAMP[TZ] which is exact to microseconds, with the nanoseconds told by `textColumn`.
     */
    | {
        kind: "timestamp_ntz" | "timestamp_ltz" | "timestamp_tz";
        /** Where the snapshot has the exact text, `YYYY-MM-DD HH:MM:SS.fffffffff`, when its own type does not hold it. */
        textColumn?: string;
        /** Where the snapshot has the offset from UTC in minutes (of `timestamp_tz`). */
        offsetColumn?: string;
      }
  );
