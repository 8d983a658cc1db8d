import { spawn } from "node:child_process";

/** Reads `watch <pgid>` and `forget <pgid>` lines; at the end of its input it kills what is still watched. */
const SCRIPT = `
groups=" "
while read -r verb group; do
  case $verb in
    watch) groups="$groups$group " ;;
    forget) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -9 "-$group" 2>/dev/null; done
`;

export interface OrphanGuard {
  watch(processGroup: number): void;
  forget(processGroup: number): void;
  close(): void;
}

/**
 * Kills process groups when this process ends without having stopped them itself, even by SIGKILL:
 * a shell of a few hundred kilobytes waits at the other end of a pipe that closes with us.
 */
export function startOrphanGuard(): OrphanGuard {
  const shell = spawn("sh", ["-c", SCRIPT], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  const { stdin } = shell;
  // A guard that is gone guards nothing more, but must not take the server with it.
  shell.on("error", () => undefined);
  stdin.on("error", () => undefined);
  shell.unref();
  return {
    watch: (group) => void stdin.write(`watch ${group}\n`),
    forget: (group) => void stdin.write(`forget ${group}\n`),
    close: () => void stdin.end(),
  };
}
