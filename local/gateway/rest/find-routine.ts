import { type Catalogue, EXPOSED_SCHEMA, type Routine } from "./catalogue.ts";
import { RestError, UnknownNameError } from "./rest-error.ts";

/** The function that takes exactly these arguments by name; one that takes the whole body stands in for it. */
export function findRoutine(catalogue: Catalogue, name: string, given: string[], mayTakeBody: boolean): Routine {
  const overloads = catalogue.routines.get(name) ?? [];
  const fitting = overloads.filter((each) => accepts(each, given));
  if (fitting.length > 1) throw ambiguous(name, fitting);
  const found = fitting[0] ?? (mayTakeBody ? overloads.find(takesWholeBody) : undefined);
  if (found === undefined) throw unknown(name, given, overloads);
  return found;
}

/** Whether its only argument is a JSON value without a name. */
export function takesWholeBody({ arguments: [only, ...others] }: Routine): boolean {
  return only?.name === "" && (only.type === "json" || only.type === "jsonb") && others.length === 0;
}

function accepts(routine: Routine, given: string[]): boolean {
  return (
    routine.arguments.every(({ name, required }) => !required || (name !== "" && given.includes(name))) &&
    given.every((name) => routine.arguments.some((each) => each.name === name))
  );
}

function unknown(name: string, given: string[], overloads: Routine[]): RestError {
  const full = `${EXPOSED_SCHEMA}.${name}`;
  const call = `${full}${given.length > 0 ? `(${given.join(", ")})` : ""}`;
  const searched = given.length > 0 ? `parameter${given.length > 1 ? "s" : ""} ${given.join(", ")}` : "no parameters";
  const known = overloads[0];
  return new UnknownNameError(404, {
    code: "PGRST202",
    message: `Could not find the function ${call}${given.length > 0 ? "" : " without parameters"} in the schema cache`,
    details: `Searched for the function ${full} with ${searched}, but no matches were found in the schema cache.`,
    hint: known === undefined ? null : `Perhaps you meant to call the function ${signature(known)}`,
  });
}

function ambiguous(name: string, fitting: Routine[]): RestError {
  const choices = fitting.map(
    (each) => `${EXPOSED_SCHEMA}.${name}(${each.arguments.map((one) => `${one.name} => ${one.type}`).join(", ")})`,
  );
  return new RestError(300, {
    code: "PGRST203",
    message: `Could not choose the best candidate function between: ${choices.join(", ")}`,
    hint: "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
  });
}

function signature({ name, arguments: all }: Routine): string {
  return `${EXPOSED_SCHEMA}.${name}${all.length > 0 ? `(${all.map((each) => each.name).join(", ")})` : ""}`;
}
