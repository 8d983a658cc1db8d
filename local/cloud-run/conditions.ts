export type ConditionState = "CONDITION_PENDING" | "CONDITION_RECONCILING" | "CONDITION_FAILED" | "CONDITION_SUCCEEDED";

export type ExecutionReason = "NON_ZERO_EXIT_CODE" | "CANCELLED" | "CANCELLING" | "DELETED";

export interface Condition {
  type: "Ready" | "Completed" | "ResourcesAvailable" | "Started" | "ContainerReady" | "Retry";
  state: ConditionState;
  message?: string;
  lastTransitionTime: string;
  severity?: "INFO";
  executionReason?: ExecutionReason;
}

/** The conditions of one resource, by type; a transition's time moves only when the state does. */
export class Conditions {
  readonly #byType = new Map<Condition["type"], Condition>();

  set(
    type: Condition["type"],
    state: ConditionState,
    details: Pick<Condition, "message" | "executionReason"> = {},
  ): void {
    const before = this.#byType.get(type);
    const lastTransitionTime = before?.state === state ? before.lastTransitionTime : new Date().toISOString();
    // Only the terminal condition tells success; the others inform.
    const severity = type === "Retry" ? { severity: "INFO" as const } : {};
    this.#byType.set(type, { type, state, lastTransitionTime, ...severity, ...details });
  }

  toWire(): Condition[] {
    return [...this.#byType.values()];
  }
}
