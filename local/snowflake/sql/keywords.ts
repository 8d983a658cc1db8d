/** Words that are never names unless they are quoted; https://docs.snowflake.com/en/sql-reference/reserved-keywords */
export const RESERVED = new Set(
  `ALL ALTER AND ANY AS BETWEEN BY CASE CAST CHECK COLUMN CONNECT CONSTRAINT CREATE CROSS CURRENT DELETE DISTINCT DROP
  ELSE EXISTS FALSE FOLLOWING FOR FROM FULL GRANT GROUP HAVING ILIKE IN INNER INSERT INTERSECT INTO IS JOIN LATERAL LEFT
  LIKE MINUS NATURAL NOT NULL OF ON OR ORDER QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS SAMPLE SELECT SET SOME START
  TABLE TABLESAMPLE THEN TO TRIGGER TRUE TRY_CAST UNION UNIQUE UPDATE USING VALUES WHEN WHENEVER WHERE WITH`.split(
    /\s+/,
  ),
);

/** Words that mean something only after an operand, and are names elsewhere. */
export const AFTER_OPERAND = new Set(
  `ASC DESC NULLS LIMIT OFFSET FETCH ESCAPE EXCEPT EXCLUDE RENAME WINDOW OUTER ASOF END FIRST LAST PRECEDING FOLLOWING
  ONLY`.split(/\s+/),
);

/** Words that mean something in a window or after ORDER BY, at their place. */
export const IN_WINDOW = new Set(["PARTITION", "RANGE", "UNBOUNDED", "RECURSIVE"]);

/** Words at which a select list or a FROM clause ends. */
export const CLAUSES = new Set(
  "FROM WHERE GROUP HAVING QUALIFY ORDER LIMIT OFFSET FETCH UNION INTERSECT EXCEPT MINUS WINDOW INTO".split(" "),
);

/** Functions that are called without brackets. */
export const BARE_FUNCTIONS = new Set(
  "CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER LOCALTIME LOCALTIMESTAMP".split(" "),
);
