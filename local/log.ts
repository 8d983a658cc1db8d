import { styleText } from "node:util";

/** Takes one line of a part of the local cloud. */
export type Log = (line: string) => void;

const COLOURS = ["cyan", "magenta", "yellow", "green", "blue"] as const;

/** Makes one logger per part: `[name] line`, coloured on a terminal, written to the given stream. */
export function createLogs(stream: NodeJS.WriteStream): (part: string) => Log {
  const colourOf = new Map<string, (typeof COLOURS)[number]>();
  return (part) => {
    const colour = colourOf.get(part) ?? COLOURS[colourOf.size % COLOURS.length] ?? "cyan";
    colourOf.set(part, colour);
    const label = stream.isTTY ? styleText(colour, `[${part}]`) : `[${part}]`;
    return (line) => {
      stream.write(`${label} ${line}\n`);
    };
  };
}
