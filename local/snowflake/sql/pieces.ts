/** A translated part of an expression or clause. */
export interface Piece {
  kind: "operand" | "word" | "interval";
  sql: string;
  /** The value may be a moment: text that it is compared with is to be read as one. */
  moment: boolean;
}

export const operand = (sql: string, moment = false): Piece => ({ kind: "operand", sql, moment });
export const word = (sql: string): Piece => ({ kind: "word", sql, moment: false });

const COMPARISONS = new Set(["=", "<>", "!=", "<", "<=", ">", ">="]);
const BOUNDARIES = new Set(
  `, AND OR NOT SELECT WHERE ON WHEN THEN ELSE AS HAVING QUALIFY BY FROM CASE END SET USING ORDER GROUP LIMIT UNION
  DISTINCT JOIN INNER LEFT RIGHT FULL CROSS ; =>`.split(/\s+/),
);

const text = (pieces: Piece[]) => pieces.map((piece) => piece.sql).join(" ");
const isBoundary = (piece: Piece | undefined) =>
  piece === undefined || (piece.kind === "word" && BOUNDARIES.has(piece.sql));

/** Joins pieces; what is compared with a moment is made comparable, intervals are added, divisors are checked. */
export function assemble(pieces: Piece[]): string {
  const joined = wrapDivisors(addIntervals(pieces));
  if (!joined.some((piece) => piece.moment)) return text(joined);
  return text(compareMoments(joined));
}

function addIntervals(pieces: Piece[]): Piece[] {
  const result: Piece[] = [];
  for (const piece of pieces) {
    const sign = result.at(-1);
    const value = result.at(-2);
    if (piece.kind === "interval" && (sign?.sql === "+" || sign?.sql === "-") && value?.kind === "operand") {
      const macro = /\d\s*(h|hh|hours?|m|mi|min|minutes?|s|sec|seconds?|ms|us|ns|milli\w*|micro\w*|nano\w*)\b/i.test(
        piece.sql,
      )
        ? "sf_add_interval"
        : "sf_add_span";
      result.splice(-2, 2, operand(`${macro}(${value.sql}, ${sign.sql === "-" ? "-" : ""}${piece.sql})`, true));
    } else result.push(piece);
  }
  return result;
}

function wrapDivisors(pieces: Piece[]): Piece[] {
  return pieces.map((piece, at) => {
    const before = pieces[at - 1]?.sql;
    if (piece.kind !== "operand" || (before !== "/" && before !== "%")) return piece;
    return /^\d*\.?\d*[1-9]\d*$/.test(piece.sql) ? piece : { ...piece, sql: `sf_nonzero(${piece.sql})` };
  });
}

const side = (own: string, other: string) => `sf_side(${own}, ${other})`;

function compareMoments(pieces: Piece[]): Piece[] {
  const result: Piece[] = [];
  let start = 0;
  for (let at = 0; at < pieces.length; at += 1) {
    const piece = pieces[at];
    if (piece === undefined) break;
    if (piece.kind === "word" && COMPARISONS.has(piece.sql)) {
      const end = segmentEnd(pieces, at + 1);
      const right = pieces.slice(at + 1, end);
      const left = result.splice(start);
      if ([...left, ...right].some((one) => one.moment)) {
        const [a, b] = [text(left), text(right)];
        result.push(operand(`(${side(a, b)} ${piece.sql} ${side(b, a)})`));
      } else result.push(...left, piece, ...right);
      at = end - 1;
    } else if (piece.kind === "word" && piece.sql === "BETWEEN") {
      const and = segmentEnd(pieces, at + 1);
      const end = segmentEnd(pieces, and + 1);
      const low = pieces.slice(at + 1, and);
      const high = pieces.slice(and + 1, end);
      const negated = result.at(-1)?.sql === "NOT";
      const left = negated ? result.splice(lastBoundary(result.slice(0, -1))) : result.splice(start);
      if (negated) left.pop();
      const [a, b, c] = [text(left), text(low), text(high)];
      const both = `(${side(a, b)} >= ${side(b, a)} AND ${side(a, c)} <= ${side(c, a)})`;
      result.push(operand(negated ? `(NOT ${both})` : both));
      at = end - 1;
    } else {
      result.push(piece);
      if (isBoundary(piece)) start = result.length;
    }
  }
  return result;
}

function segmentEnd(pieces: Piece[], from: number): number {
  let end = from;
  while (end < pieces.length && !isBoundary(pieces[end])) end += 1;
  return end;
}

function lastBoundary(pieces: Piece[]): number {
  let at = pieces.length;
  while (at > 0 && !isBoundary(pieces[at - 1])) at -= 1;
  return at;
}
