import { formatBytes, formatDuration } from "../text-table.ts";

export interface ProjectProgress {
  name: string;
  projectStatus: string;
  runState: string;
  phase: string | null;
  bytes: number;
  totalBytes: number;
  bytesPerSecond: number;
  etaSeconds: number | null;
}

const BAR_WIDTH = 24;

/** Shows projects on their way: redrawn in place on a terminal, one plain line per change elsewhere. */
export class ProgressView {
  readonly #stream: NodeJS.WriteStream;
  #drawnLines = 0;
  readonly #lastPlain = new Map<string, string>();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(projects: ProjectProgress[], elapsedMs: number): void {
    if (this.#stream.isTTY) this.#redraw(projects, elapsedMs);
    else this.#append(projects, elapsedMs);
  }

  #redraw(projects: ProjectProgress[], elapsedMs: number): void {
    if (this.#drawnLines > 0) this.#stream.moveCursor(0, -this.#drawnLines);
    this.#stream.clearScreenDown();
    const lines = [`  ${formatDuration(elapsedMs)}`, ...projects.map((project) => `  ${describe(project)}`)];
    const width = this.#stream.columns || 80;
    this.#stream.write(`${lines.map((line) => line.slice(0, width - 1)).join("\n")}\n`);
    this.#drawnLines = lines.length;
  }

  #append(projects: ProjectProgress[], elapsedMs: number): void {
    for (const project of projects) {
      const change = `${project.projectStatus} ${project.runState} ${project.phase}`;
      if (this.#lastPlain.get(project.name) === change) continue;
      this.#lastPlain.set(project.name, change);
      this.#stream.write(`  ${formatDuration(elapsedMs).padStart(7)}  ${describe(project)}\n`);
    }
  }
}

function describe(project: ProjectProgress): string {
  const head = `${project.name.padEnd(16)} ${project.projectStatus.padEnd(16)} ${(project.phase ?? project.runState).padEnd(12)}`;
  if (project.totalBytes === 0) return head;
  const share = Math.min(1, project.bytes / project.totalBytes);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}`;
  const rate = project.bytesPerSecond > 0 ? ` ${formatBytes(project.bytesPerSecond)}/s` : "";
  const eta = project.etaSeconds === null || share === 1 ? "" : ` ${Math.ceil(project.etaSeconds)} s left`;
  return `${head} ${bar} ${formatBytes(project.bytes)} of ${formatBytes(project.totalBytes)}${rate}${eta}`;
}
