import type { ProvidedContext } from "vitest";
import type { TestProject } from "vitest/node";

/** The environment variable that carries what a lent cluster provides, as JSON. */
export const LENT_CLUSTER = "CORRAL_LENT_CLUSTER";

export type LentCluster = ProvidedContext["postgres"];

/** Gives the tests of one mutant the cluster that the mutation run started for all of them. */
export default function setup(project: TestProject): void {
  const cluster: LentCluster = JSON.parse(process.env[LENT_CLUSTER] ?? "");
  project.provide("postgres", cluster);
}
