import { CorralError, type ErrorCode, isErrorCode } from "../../shared/errors.ts";

/** Throws the outcomes of a call that are refusals: those that have an error's name. */
export function throwRefusal<Outcome extends string>(outcome: Outcome): asserts outcome is Exclude<Outcome, ErrorCode> {
  if (isErrorCode(outcome)) throw new CorralError(outcome);
}
