import { StringDecoder } from "node:string_decoder";

const KEPT_CHARACTERS = 16_384;
const PROGRESS_LINE = /^progress[ :=]\s*(0(?:\.\d+)?|1(?:\.0+)?)\s*$/;

/** The end of a script's output, as text that can be sent and stored, and how far the script says it is. */
export class LogTail {
  #text = "";
  #progress: number | null = null;
  #changes = 0;

  /** Grows with everything that is written. */
  get changes(): number {
    return this.#changes;
  }

  /** From 0 to 1, as of the newest line "progress 0.5"; null when there was none. */
  get progress(): number | null {
    return this.#progress;
  }

  /** A sink for the bytes of one stream: characters that are split between two pieces stay whole. */
  createSink(): (bytes: Buffer) => void {
    const decoder = new StringDecoder("utf8");
    let line = "";
    return (bytes) => {
      const text = decoder.write(bytes);
      this.#text = (this.#text + text).slice(-KEPT_CHARACTERS);
      this.#changes++;
      const lines = (line + text).split(/[\r\n]/);
      line = (lines.pop() ?? "").slice(-100);
      for (const full of lines) {
        const [, progress] = PROGRESS_LINE.exec(full) ?? [];
        if (progress !== undefined) this.#progress = Number(progress);
      }
    };
  }

  /** The last so many characters, without what a terminal would have overwritten or could not show. */
  read(characters: number): string {
    const lines = this.#text.split("\n").map((line) => line.trimEnd().split("\r").pop() ?? "");
    const text = toStorable(lines.join("\n")).trimEnd();
    return characters > 0 ? toStorable(text.slice(-characters)) : "";
  }
}

/** The first so many characters of a text, of those that can be stored. */
export function cutText(text: string, characters: number): string {
  return toStorable(text.slice(0, characters));
}

/** Without control characters and halves of characters. */
function toStorable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|\p{Cs}/gu, "");
}
