import type { StandInMutant } from "./stand-in-mutant.ts";
import { authMutants } from "./stand-ins/auth.ts";
import { clockMutants } from "./stand-ins/clock.ts";
import { cloudRunMutants } from "./stand-ins/cloud-run.ts";
import { functionsMutants } from "./stand-ins/functions.ts";
import { kaggleMutants } from "./stand-ins/kaggle.ts";
import { kaggleFaultMutants } from "./stand-ins/kaggle-faults.ts";
import { pgCronMutants } from "./stand-ins/pg-cron.ts";
import { pgNetMutants } from "./stand-ins/pg-net.ts";
import { postgresMutants } from "./stand-ins/postgres.ts";
import { restMutants } from "./stand-ins/rest.ts";
import { restTableMutants } from "./stand-ins/rest-tables.ts";
import { signedUrlMutants } from "./stand-ins/signed-urls.ts";
import { storageMutants } from "./stand-ins/storage.ts";
import { storageReadMutants } from "./stand-ins/storage-reads.ts";
import { storageUploadMutants } from "./stand-ins/storage-uploads.ts";
import { vaultMutants } from "./stand-ins/vault.ts";

/** Every promise of every stand-in that the tests have to stand for. */
export const STAND_IN_MUTANTS: StandInMutant[] = [
  ...postgresMutants,
  ...pgNetMutants,
  ...pgCronMutants,
  ...vaultMutants,
  ...functionsMutants,
  ...restMutants,
  ...restTableMutants,
  ...authMutants,
  ...storageUploadMutants,
  ...storageReadMutants,
  ...storageMutants,
  ...signedUrlMutants,
  ...cloudRunMutants,
  ...kaggleMutants,
  ...kaggleFaultMutants,
  ...clockMutants,
];
