import { styleText } from "node:util";
import type { LogFields } from "../ports.ts";
import { jsonLine } from "./json-line.ts";

/** Node's own styling colours whatever it is written to. */
const isColoured = process.stderr.isTTY === true && process.env["NO_COLOR"] === undefined;

type Style = Parameters<typeof styleText>[0];

const COLOURS = { error: "red", warn: "yellow", info: "green", debug: "gray" } as const;

/** A log line for a person at a terminal: time of day, level, event, then the fields. */
export function prettyLine(line: LogFields): string {
  const { time, level, event, ...fields } = line;
  const colour = COLOURS[level as keyof typeof COLOURS] ?? "white";
  const clock = String(time).slice(11, 23);
  const head = `${style("gray", clock)} ${style(colour, String(level).padEnd(5))} ${style("bold", String(event))}`;
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${style("gray", `${name}=`)}${printField(value)}`);
  return [head, ...rest].join(" ");
}

function printField(value: unknown): string {
  const isPlain = typeof value === "string" && /^[\w.,:@/{}+-]+$/.test(value);
  return isPlain ? value : (jsonLine(value) ?? "");
}

function style(format: Style, text: string): string {
  return isColoured ? styleText(format, text) : text;
}
