/** Why a task failed on this machine, for the job's owner, and whether another try can help. */
export class TaskFailure extends Error {
  override readonly name = "TaskFailure";
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.retryable = retryable;
  }
}
