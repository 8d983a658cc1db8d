/** A task's id is its job's, times so many, and its number from 1 on: as `corral.task_id` has it. */
const NUMBERS = 10_000_000;

/** How many tasks a job can have. */
export const MAX_TASKS = NUMBERS - 1;

/** The job that a task is of. */
export const jobOf = (task: number): number => Math.floor(task / NUMBERS);
