/** SQL text with the values that are bound to it, all in Postgres's text format. */
export interface Statement {
  text: string;
  values: (string | null)[];
}

/** Collects the values of one statement; text that came from outside enters SQL through here or `quoteName`. */
export class Bindings {
  readonly values: (string | null)[] = [];

  /** The placeholder that stands for the value. */
  bind(value: string | null): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** A quoted identifier: whatever the name holds, it stays one name. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A name with its schema, both quoted. */
export function qualifiedName(schema: string, name: string): string {
  return `${quoteName(schema)}.${quoteName(name)}`;
}
