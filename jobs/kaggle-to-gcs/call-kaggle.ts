import { KaggleError } from "../../shared/cloud/kaggle.ts";
import { JobFailure } from "../job-failure.ts";
import { RetryBudget } from "../retry-budget.ts";

/** Calls Kaggle's API until it answers; what it refuses becomes a failure that the project's owner can act on. */
export async function callKaggle<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const budget = new RetryBudget(signal, toGivenUp);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof KaggleError)) throw error;
      if (!isTransient(error)) throw toRefusal(error);
      await budget.spend(error, error.retryAfterSeconds);
    }
  }
}

function isTransient({ status }: KaggleError): boolean {
  return status === undefined || status === 408 || status === 429 || status >= 500;
}

function toGivenUp(cause: unknown, retryAfterSeconds: number | null): JobFailure {
  const options = { retryable: true, retryAfterSeconds, cause };
  if (cause instanceof KaggleError && cause.status === 429)
    return new JobFailure("kaggle_rate_limited", "Kaggle limits how often it may be asked.", options);
  return new JobFailure("kaggle_unavailable", "Kaggle does not answer.", options);
}

function toRefusal(error: KaggleError): JobFailure {
  const options = { cause: error };
  switch (error.status) {
    case 401:
      return new JobFailure(
        "kaggle_unauthorized",
        "Kaggle does not accept the credentials. Save a valid Kaggle username and key for this project.",
        options,
      );
    case 403:
      return new JobFailure(
        "kaggle_forbidden",
        `Kaggle refuses access: ${error.message} Accept the dataset's terms on kaggle.com, or check that your account may see it.`,
        options,
      );
    case 404:
      return new JobFailure("kaggle_dataset_not_found", "Kaggle knows no such dataset. Check its owner/name.", options);
    default:
      return new JobFailure(
        "kaggle_unexpected_reply",
        `Kaggle answers in a way that is not understood: ${error.message}`,
        { ...options, retryable: true },
      );
  }
}
