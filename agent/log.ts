export type Level = "info" | "warn" | "error";
export type Fields = Record<string, string | number | null>;

/** Writes what happens: an event's name for machines, a sentence for people, and its figures. */
export type Log = (level: Level, event: string, message: string, fields?: Fields) => void;

/** Logs onto a stream: readable lines, or one JSON object a line. */
export function createLog(output: NodeJS.WritableStream, json: boolean): Log {
  return (level, event, message, fields = {}) => {
    const time = new Date().toISOString();
    if (json) output.write(`${JSON.stringify({ time, level, event, message, ...fields })}\n`);
    else output.write(`${time.slice(11, 19)} ${level === "info" ? "" : `${level}: `}${message}\n`);
  };
}

/** An error and its causes in one line. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === "") return error.errors.map(describeError).join("; ");
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}
