import { type Cloud, startCloud } from "./cloud.ts";
import { type CloudOptions, FREE_PORTS } from "./cloud-options.ts";
import { makeTemporaryDataFolder } from "./data-folder.ts";
import type { Log } from "./log.ts";

/** Starts a local cloud on free ports that nobody keeps: its data goes when it closes, or when it does not start. */
export async function startThrowAwayCloud(
  logs: (part: string) => Log,
  options: Partial<Pick<CloudOptions, "openAdmin">> = {},
): Promise<Cloud> {
  const folder = await makeTemporaryDataFolder();
  try {
    const cloud = await startCloud(
      {
        dataDir: folder.dataDir,
        fresh: true,
        ports: FREE_PORTS,
        openEnrollment: true,
        openAdmin: false,
        jobStartDelayMs: 0,
        ...options,
      },
      logs,
    );
    return { ...cloud, close: () => cloud.close().finally(() => folder.remove()) };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}
